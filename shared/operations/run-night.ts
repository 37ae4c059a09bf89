import { isRefusal } from "../contract/errors.ts";
import type { ExperimentRecord, Tuning } from "../contract/experiments.ts";
import type { FleetRecord } from "../contract/records.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { DAY_MS } from "../domain/experiments/day.ts";
import { ENGINE, type Night, advance } from "../domain/experiments/advance.ts";
import { stop } from "../domain/experiments/lifecycle.ts";
import { isActive } from "../domain/experiments/states.ts";
import { NO_TUNING, forbiddenBy } from "../domain/experiments/tuning.ts";
import type { Ports } from "../ports/ports.ts";
import { applyTuning, recallTreatments } from "./apply-tuning.ts";
import { changeExperiment } from "./change-experiment.ts";
import { experimentTotals } from "./experiment-totals.ts";
import { proposeExperiments } from "./propose-experiments.ts";
import { rollUpDays } from "./roll-up-days.ts";
import { allFleets } from "./sweep-tick.ts";

/** When nights begin, after midnight UTC: units of the day before have been told by then. */
export const NIGHT_AT_MS = 2 * 3_600_000;
/** Experiments that ended this long ago are looked at again: a killed function may not have taken back what they gave out, or shown it. */
const RECALLED_FOR_MS = 3 * DAY_MS;

/** The latest night that has begun. It is named and timed by the schedule, so that running it late or again counts the same units. */
export function nightAt(nowMs: number): Night {
  const day = Math.floor((nowMs - NIGHT_AT_MS) / DAY_MS);
  return { day, atMs: day * DAY_MS + NIGHT_AT_MS };
}

/**
 * Everything that tuning does at night, fleet by fleet: what ended is rolled up, each experiment is taken a night further, what was
 * decided is put to use, and what is worth trying is proposed. Every step is idempotent, so a night may be run again wherever
 * it was killed. A fleet that fails does not keep the others from their night; the function then fails, and is run again.
 */
export async function runNight(ports: Ports): Promise<{ fleets: number; failed: number }> {
  const night = nightAt(ports.clock.nowMs());
  const fleets = await allFleets(ports);
  let failed = 0;
  for (const fleet of fleets)
    try {
      await tuneFleet(ports, fleet, night);
    } catch (error) {
      failed += 1;
      ports.log.error("a fleet's night failed", { fleet: fleet.fleet, error: String(error) });
    }
  // Last: whoever shows them elsewhere may have to wait for long.
  for (const { fleet } of fleets) await showExperiments(ports, fleet, night.atMs);
  return { fleets: fleets.length, failed };
}

/** Those that somebody elsewhere may not have seen as they are. */
async function showExperiments({ record, mirror }: Ports, fleet: string, nowMs: number): Promise<void> {
  for (const experiment of await record.experiments.list(fleet))
    if (isRecent(experiment, nowMs)) await mirror.show(experiment);
}

async function tuneFleet(
  ports: Ports,
  { fleet, tuning = NO_TUNING }: FleetRecord,
  night: Night,
): Promise<void> {
  const experiments = await ports.record.experiments.list(fleet);
  if (tuning.mode === "off" && experiments.length === 0) return;
  const advanced: ExperimentRecord[] = [];
  for (const experiment of experiments)
    advanced.push(isActive(experiment) ? await takeFurther(ports, experiment, tuning, night) : experiment);
  await putToUse(ports, fleet, advanced, night.atMs);
  if (tuning.mode === "off" || tuning.night === night.day) return;
  const rollups = await rollUpDays(ports, fleet, night.day);
  await proposeExperiments(ports, fleet, rollups, night);
}

/** One experiment after this night, committed with its decision. Whoever changed it meanwhile is heard first. */
async function takeFurther(
  ports: Ports,
  experiment: ExperimentRecord,
  tuning: Tuning,
  night: Night,
): Promise<ExperimentRecord> {
  const { fleet, id, plan } = experiment;
  const forbidden = forbiddenBy(tuning, experiment);
  if (plan === null || (forbidden === null && (experiment.night ?? -1) >= night.day)) return experiment;
  const counted = await experimentTotals(ports, experiment, plan, night);
  const result = await changeExperiment(ports, fleet, id, (current) => {
    if (!isActive(current)) return UNCHANGED;
    if (forbidden !== null) return commit(stop(current, forbidden, night, ENGINE));
    const next = advance(current, counted.stages, night);
    return next === current ? UNCHANGED : commit({ ...next, settled: counted.settled });
  });
  if (isRefusal(result)) throw new Error(`Experiment ${id}: ${result.detail}`);
  return result.document;
}

/** Whether it has not ended, or not long ago. */
const isRecent = ({ endedAtMs }: ExperimentRecord, nowMs: number): boolean =>
  endedAtMs === null || nowMs - endedAtMs < RECALLED_FOR_MS;

/** Lets the fleet use what was decided, and takes back what harmed. */
export async function putToUse(
  ports: Ports,
  fleet: string,
  experiments: readonly ExperimentRecord[],
  nowMs: number,
): Promise<void> {
  const applied = await applyTuning(ports, fleet);
  if (isRefusal(applied)) throw new Error(`Tuning of ${fleet}: ${applied.detail}`);
  const ended = experiments.filter((one) => one.endedAtMs !== null && isRecent(one, nowMs));
  await recallTreatments(ports, fleet, ended);
}
