import type { ExperimentDetail, ExperimentStop, ExperimentsAnswer } from "../contract/experiment-routes.ts";
import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import { commit, refused } from "../domain/decision.ts";
import { isStoppable, stop } from "../domain/experiments/lifecycle.ts";
import { valuesOf } from "../domain/experiments/parameters.ts";
import { whyNotStart } from "../domain/experiments/select.ts";
import { isActive } from "../domain/experiments/states.ts";
import { NO_TUNING } from "../domain/experiments/tuning.ts";
import { detailOf, summaryOf, tuningView } from "../domain/experiments/views.ts";
import type { Ports } from "../ports/ports.ts";
import { changeExperiment } from "./change-experiment.ts";
import { fleetOf } from "./fleet-of.ts";
import { startDraft } from "./propose-experiments.ts";
import { readRollups } from "./roll-up-days.ts";
import { nightAt, putToUse } from "./run-night.ts";

/** A person who used an API key. */
export const OPERATOR = "operator";

export async function listExperiments(ports: Ports, fleet: string): Promise<ExperimentsAnswer> {
  const settings = await fleetOf(ports, fleet);
  const tuning = settings.tuning ?? NO_TUNING;
  const experiments = await ports.record.experiments.list(fleet);
  const report = await ports.record.rollups.report(fleet);
  return {
    experiments: experiments.reverse().map(summaryOf),
    tuning: tuningView(tuning, valuesOf(settings)),
    notProposed: report?.notProposed ?? [],
    observed: report?.observed ?? [],
  };
}

export async function getExperiment(
  { record }: Ports,
  fleet: string,
  id: string,
): Promise<{ experiment: ExperimentDetail } | Refusal> {
  const experiment = await record.experiments.get(fleet, id);
  return experiment
    ? { experiment: detailOf(experiment) }
    : refuse("experiment.not_found", `There is no experiment ${id} in this fleet.`);
}

/** Starts a draft with a plan of today's traffic. Repeating it answers with what it has become, while that is in use. */
export async function approveExperiment(
  ports: Ports,
  fleet: string,
  id: string,
): Promise<{ experiment: ExperimentDetail } | Refusal> {
  const settings = await fleetOf(ports, fleet);
  const experiments = await ports.record.experiments.list(fleet);
  const one = experiments.find((experiment) => experiment.id === id);
  if (!one) return refuse("experiment.not_found", `There is no experiment ${id} in this fleet.`);
  if (isActive(one)) return { experiment: detailOf(one) };
  const why = whyNotStart(one, experiments, settings.tuning ?? NO_TUNING);
  if (why !== null) return refuse("experiment.refused", `Experiment ${id} cannot start: ${why}.`);
  const nowMs = ports.clock.nowMs();
  const night = { ...nightAt(nowMs), atMs: nowMs };
  const rollups = await readRollups(ports, fleet, night.day);
  const started = await startDraft(ports, one, experiments, rollups, night, OPERATOR);
  if (typeof started === "string")
    return refuse("experiment.refused", `Experiment ${id} cannot start: ${started}`);
  await putToUse(
    ports,
    fleet,
    experiments.map((experiment) => (experiment.id === id ? started : experiment)),
    nowMs,
  );
  return { experiment: detailOf(started) };
}

/** Ends a draft or an experiment, and uses what was used before it. Repeating it changes nothing. */
export async function stopExperiment(
  ports: Ports,
  fleet: string,
  id: string,
  { reason = "stopped by an operator" }: ExperimentStop,
): Promise<{ experiment: ExperimentDetail } | Refusal> {
  const nowMs = ports.clock.nowMs();
  const night = { ...nightAt(nowMs), atMs: nowMs };
  const result = await changeExperiment(ports, fleet, id, (current) => {
    if (isStoppable(current)) return commit(stop(current, reason, night, OPERATOR));
    return current.state === "halted"
      ? { kind: "unchanged" }
      : refused(
          "experiment.refused",
          `Experiment ${id} has ended: it is ${current.state.replace("_", " ")}. Pin ${current.parameter} to use another value.`,
        );
  });
  if (isRefusal(result)) return result;
  const experiments = await ports.record.experiments.list(fleet);
  await putToUse(
    ports,
    fleet,
    experiments.map((experiment) => (experiment.id === id ? result.document : experiment)),
    nowMs,
  );
  return { experiment: detailOf(result.document) };
}
