import type { ArmTotals, ExperimentRecord, Look, Plan, StageTotals } from "../../contract/experiments.ts";
import { METRICS } from "../../contract/parameters.ts";
import { sequence } from "../statistics/confidence-sequence.ts";
import { sequentialSampleRatio } from "../statistics/sample-ratio.ts";
import { clusteredEstimate, countOf, type Estimate, meanOf, stratifiedEstimate } from "./estimate.ts";
import { guardrailLogE } from "./guardrails.ts";
import { EQUAL_SHARE } from "./states.ts";
import { normalQuantile, tQuantile } from "../statistics/distributions.ts";

/** Before any decision: units of each arm, and of a proportion both outcomes. An asymptotic sequence says nothing sooner. */
export const BURN_IN = { units: 50, successes: 10, failures: 10, nights: 7 } as const;

/** How strongly a split is expected to be near its shares, in units (Lindon & Malek, arXiv 2011.03567). */
const SAMPLE_RATIO_CONCENTRATION = 100;

/** Share of the level that the sequence spends; the rest is of the one fixed test at the horizon. */
export const SEQUENCE_LEVEL = 0.5;

/** What a night sees of an experiment, before anything is decided. */
export function lookAt(
  experiment: ExperimentRecord,
  plan: Plan,
  stages: readonly StageTotals[],
  night: number,
): Look {
  const { metric } = experiment.hypothesis;
  const control = countOf(stages, "control", metric);
  const treatment = countOf(stages, "treatment", metric);
  const found = estimateOf(experiment, stages);
  const seen = found ? evidence(found, plan) : null;
  return {
    night,
    stage: experiment.stages.length - 1,
    control: control.n,
    treatment: treatment.n,
    controlMean: meanOf(stages, "control", metric),
    treatmentMean: meanOf(stages, "treatment", metric),
    estimate: found?.estimate ?? null,
    standardError: found?.standardError ?? null,
    interval: seen?.interval ?? null,
    logE: seen?.logE ?? 0,
    sampleRatioLogE: sampleRatioLogE(experiment, stages),
    guardrails: Object.fromEntries(
      plan.guardrails.map((guardrail) => [guardrail.metric, guardrailLogE(stages, guardrail, plan)]),
    ),
  };
}

/** Of the primary metric; null while there is too little for one. */
export function estimateOf(
  { unit, hypothesis: { metric } }: Pick<ExperimentRecord, "unit" | "hypothesis">,
  stages: readonly StageTotals[],
): Estimate | null {
  const found = unit === "host" ? clusteredEstimate(stages, EQUAL_SHARE) : stratifiedEstimate(stages, metric);
  // Without any spread there is nothing to judge a difference by.
  return found && found.standardError > 0 ? found : null;
}

/**
 * The sequence at its share of the level. Few clusters have heavier tails than a normal distribution: their error is widened by
 * what a t quantile is larger at that level.
 */
function evidence(found: Estimate, { alpha, tuningUnits }: Plan) {
  const level = alpha * SEQUENCE_LEVEL;
  const { estimate, n, degreesOfFreedom } = found;
  const widening =
    degreesOfFreedom === null
      ? 1
      : tQuantile(1 - level / 2, degreesOfFreedom) / normalQuantile(1 - level / 2);
  const { halfWidth, logE } = sequence({
    estimate,
    standardError: found.standardError * widening,
    n,
    alpha: level,
    tuningSampleSize: tuningUnits,
    side: "two",
  });
  const interval: [number, number] = [estimate - halfWidth, estimate + halfWidth];
  return { interval, logE };
}

/** Whether each arm has what a decision needs at least. */
export function isBurntIn(
  { hypothesis: { metric }, startedAtMs }: ExperimentRecord,
  stages: readonly StageTotals[],
  nights: number,
): boolean {
  if (startedAtMs === null || nights < BURN_IN.nights) return false;
  return (["control", "treatment"] as const).every((arm) => {
    const { n, y } = countOf(stages, arm, metric);
    if (n < BURN_IN.units) return false;
    return METRICS[metric].kind !== "proportion" || (y >= BURN_IN.successes && n - y >= BURN_IN.failures);
  });
}

/**
 * Evidence that units are split in another way than they should be: then some are lost or told twice in one arm, and nothing that is
 * measured can be trusted. Those of different stages are multiplied.
 */
export function sampleRatioLogE(
  { unit }: Pick<ExperimentRecord, "unit">,
  stages: readonly StageTotals[],
): number {
  let logE = 0;
  for (const { treatmentShare, control, treatment } of stages)
    logE += sequentialSampleRatio({
      counts: [control, treatment].map((arm) => (unit === "host" ? hostsIn(arm) : arm.exposed)),
      weights: [1 - treatmentShare, treatmentShare],
      concentration: SAMPLE_RATIO_CONCENTRATION,
    }).logE;
  return logE;
}

/** Hosts were allocated, not their sessions: a busy host is no sign that units are lost. */
const hostsIn = ({ hosts }: ArmTotals): number => Object.keys(hosts).length;
