import type { Plan, StageTotals } from "../../contract/experiments.ts";
import { METRICS } from "../../contract/parameters.ts";
import { sequence } from "../statistics/confidence-sequence.ts";
import { rareEventGuardrail } from "../statistics/rare-event-guardrail.ts";
import { stratifiedEstimate } from "./estimate.ts";

/** Chance that any guardrail of an experiment rolls back a treatment that does no harm. */
export const GUARDRAIL_ALPHA = 0.05;

type Guardrail = Plan["guardrails"][number];

/**
 * Evidence that the treatment harms this metric, as the logarithm of an E-value: it may be looked at at any time, and exceeds 1 / a with a
 * chance of at most a if there is no harm.
 *
 * Rare events are counted, and those of different stages multiplied: each stage is compared by its own share. Means have a one-sided
 * sequence past the margin that is tolerated.
 */
export function guardrailLogE(
  stages: readonly StageTotals[],
  { metric, margin }: Guardrail,
  { tuningUnits }: Pick<Plan, "tuningUnits">,
): number {
  if (METRICS[metric].rare) {
    let logE = 0;
    for (const { treatmentShare, treatment, control } of stages) {
      const treatmentEvents = treatment.events[metric] ?? 0;
      const controlEvents = control.events[metric] ?? 0;
      if (treatmentEvents + controlEvents > 0)
        logE += rareEventGuardrail({ treatmentEvents, controlEvents, treatmentShare }).logE;
    }
    return logE;
  }
  const found = stratifiedEstimate(stages, metric);
  if (!found || found.standardError === 0) return 0;
  const harm = (METRICS[metric].lowerIsBetter ? found.estimate : -found.estimate) - margin;
  const { n, standardError } = found;
  return sequence({
    estimate: harm,
    standardError,
    n,
    alpha: GUARDRAIL_ALPHA,
    tuningSampleSize: tuningUnits,
    side: "greater",
  }).logE;
}

/** Evidence from which on one of so many guardrails rolls back. */
export const guardrailThreshold = (guardrails: number): number =>
  Math.log(Math.max(1, guardrails) / GUARDRAIL_ALPHA);

/** Whether a mean looks worse than its margin. It need not be proven to keep a treatment from being shipped. */
export function looksWorse(stages: readonly StageTotals[], { metric, margin }: Guardrail): boolean {
  if (METRICS[metric].rare) return false;
  const found = stratifiedEstimate(stages, metric);
  if (!found) return false;
  return (METRICS[metric].lowerIsBetter ? found.estimate : -found.estimate) > margin;
}
