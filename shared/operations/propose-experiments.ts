import { isRefusal } from "../contract/errors.ts";
import type { ExperimentRecord, Tuning } from "../contract/experiments.ts";
import type { DayRollup, NightReport } from "../contract/rollup.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { ENGINE, type Night } from "../domain/experiments/advance.ts";
import { draft, launch } from "../domain/experiments/lifecycle.ts";
import { assess } from "../domain/experiments/opportunities/assess.ts";
import { detectOpportunities } from "../domain/experiments/opportunities/detect.ts";
import type { Finding } from "../domain/experiments/opportunities/finding.ts";
import { reportOf } from "../domain/experiments/opportunities/report.ts";
import { valuesOf } from "../domain/experiments/parameters.ts";
import { historyFor } from "../domain/experiments/history.ts";
import { nextInSeries } from "../domain/experiments/plan.ts";
import { mergeRollups } from "../domain/experiments/rollup.ts";
import { whyNotDraft, whyNotShown, whyNotStart } from "../domain/experiments/select.ts";
import { NO_TUNING } from "../domain/experiments/tuning.ts";
import type { Ports } from "../ports/ports.ts";
import { applyTuning } from "./apply-tuning.ts";
import { changeExperiment } from "./change-experiment.ts";
import { fleetOf } from "./fleet-of.ts";

type NotProposed = NightReport["notProposed"][number];

/** What is told of what was not proposed, at most. */
const NOT_PROPOSED_LIMIT = 10;
const OBSERVED_LIMIT = 40;

/**
 * Drafts what the fleet's own weeks show to be worth trying, the most promising first; in the mode `auto` it is started as well. What the
 * traffic cannot show in time is not proposed, and why is kept for people.
 */
export async function proposeExperiments(
  ports: Ports,
  fleet: string,
  rollups: readonly DayRollup[],
  night: Night,
): Promise<void> {
  const settings = await fleetOf(ports, fleet);
  const tuning = settings.tuning ?? NO_TUNING;
  const merged = mergeRollups(rollups);
  const notProposed: NotProposed[] = [];
  for (const finding of detectOpportunities(merged, rollups.length, valuesOf(settings))) {
    const why = await tryFinding(ports, fleet, finding, rollups, tuning, night);
    if (why !== null) notProposed.push({ parameter: finding.parameter, why });
  }
  if (tuning.mode === "auto") await startDrafts(ports, fleet, rollups, tuning, night);
  await ports.record.rollups.putReport({
    v: 1,
    fleet,
    night: night.day,
    notProposed: notProposed.slice(0, NOT_PROPOSED_LIMIT),
    observed: reportOf(merged)
      .map(({ statement }) => statement)
      .slice(0, OBSERVED_LIMIT),
  });
  const result = await applyTuning(ports, fleet, (current) => ({ ...current, night: night.day }));
  if (isRefusal(result)) throw new Error(`Tuning of ${fleet}: ${result.detail}`);
}

/** Drafts a finding, or says why not. */
async function tryFinding(
  { record }: Ports,
  fleet: string,
  finding: Finding,
  rollups: readonly DayRollup[],
  tuning: Tuning,
  night: Night,
): Promise<string | null> {
  const experiments = await record.experiments.list(fleet);
  const drafted = draft({ fleet, ...finding }, night);
  // Whoever ran this night before has drafted the same, and may have started it.
  if (experiments.some(({ id }) => id === drafted.id)) return null;
  const why =
    whyNotShown(finding.parameter, finding.hypothesis.metric) ??
    whyNotDraft(finding.parameter, experiments, tuning, night.day);
  if (why !== null) return `${finding.hypothesis.statement} Not tried: ${why}.`;
  const assessed = assess(finding, historyFor(rollups, finding), nextInSeries(experiments));
  if (assessed.kind === "refused") return assessed.why;
  await record.experiments.commit(null, drafted);
  return null;
}

async function startDrafts(
  ports: Ports,
  fleet: string,
  rollups: readonly DayRollup[],
  tuning: Tuning,
  night: Night,
): Promise<void> {
  const now = await ports.record.experiments.list(fleet);
  for (const [index, one] of now.entries()) {
    if (whyNotStart(one, now, tuning) !== null) continue;
    const started = await startDraft(ports, one, now, rollups, night, ENGINE);
    if (typeof started !== "string") now[index] = started;
  }
}

/** Starts a draft with a plan of today's traffic; says why it cannot be, if it cannot. */
export async function startDraft(
  ports: Ports,
  one: ExperimentRecord,
  experiments: readonly ExperimentRecord[],
  rollups: readonly DayRollup[],
  night: Night,
  by: string,
): Promise<ExperimentRecord | string> {
  const assessed = assess(one, historyFor(rollups, one), nextInSeries(experiments));
  if (assessed.kind === "refused") return assessed.why;
  const { plan } = assessed;
  const result = await changeExperiment(ports, one.fleet, one.id, (current) =>
    current.state === "draft" ? commit(launch(current, plan, night, by)) : UNCHANGED,
  );
  return isRefusal(result) ? result.detail : result.document;
}
