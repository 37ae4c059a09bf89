import { isRefusal } from "../contract/errors.ts";
import type { FleetRecord } from "../contract/records.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { guard } from "../domain/experiments/advance.ts";
import { dayOf } from "../domain/experiments/day.ts";
import { isActive } from "../domain/experiments/states.ts";
import type { Ports } from "../ports/ports.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";
import { changeExperiment } from "./change-experiment.ts";
import { experimentTotals } from "./experiment-totals.ts";
import { putToUse } from "./run-night.ts";

/**
 * Ends experiments that do harm, between nights: guardrails, hard bounds and the split. What was seen is judged by evidence that
 * may be looked at at any time, so looking more often errs no more.
 */
export async function guardExperiments(ports: Ports, fleets: readonly FleetRecord[]): Promise<void> {
  for (const { fleet, tuning } of fleets) {
    if (!tuning || tuning.active.length === 0) continue;
    try {
      await guardFleet(ports, fleet);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      ports.log.warn("experiments were not guarded this time", { fleet, store: error.store });
    }
  }
}

async function guardFleet(ports: Ports, fleet: string): Promise<void> {
  const nowMs = ports.clock.nowMs();
  const now = { day: dayOf(nowMs), atMs: nowMs };
  const experiments = await ports.record.experiments.list(fleet);
  let harmed = false;
  const after = [];
  for (const experiment of experiments) {
    const { plan } = experiment;
    if (plan === null || !isActive(experiment)) {
      after.push(experiment);
      continue;
    }
    const { stages } = await experimentTotals(ports, experiment, plan, now);
    const result = await changeExperiment(ports, fleet, experiment.id, (current) => {
      const next = guard(current, stages, now);
      return next ? commit(next) : UNCHANGED;
    });
    if (isRefusal(result)) throw new Error(`Experiment ${experiment.id}: ${result.detail}`);
    harmed ||= result.changed;
    after.push(result.document);
  }
  if (harmed) await putToUse(ports, fleet, after, nowMs);
}
