import type { TuningAnswer, TuningRequest } from "../contract/experiment-routes.ts";
import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import type { ExperimentRecord } from "../contract/experiments.ts";
import { type ParameterName, type ParameterValue, parameterOf } from "../contract/parameters.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { stop } from "../domain/experiments/lifecycle.ts";
import { isAllowed, valuesOf } from "../domain/experiments/parameters.ts";
import { forbiddenBy } from "../domain/experiments/tuning.ts";
import { whatIsAllowed, tuningView } from "../domain/experiments/views.ts";
import type { Ports } from "../ports/ports.ts";
import { applyTuning } from "./apply-tuning.ts";
import { changeExperiment } from "./change-experiment.ts";
import { fleetOf } from "./fleet-of.ts";
import { nightAt, putToUse } from "./run-night.ts";

/** Sets how much is tuned, and pins parameters or lets them go. Experiments that this forbids end at once. */
export async function changeTuning(
  ports: Ports,
  fleet: string,
  { mode, pin = {}, unpin = [] }: TuningRequest,
): Promise<TuningAnswer | Refusal> {
  for (const [name, value] of Object.entries(pin) as [ParameterName, ParameterValue][])
    if (!isAllowed(name, value))
      return refuse("parameter.invalid", `${name} may be ${whatIsAllowed(parameterOf(name))}.`);
  const both = unpin.find((name) => name in pin);
  if (both !== undefined)
    return refuse("parameter.invalid", `${both} cannot be both pinned and unpinned by one request.`);
  const tuning = await applyTuning(ports, fleet, (current) => ({
    ...current,
    mode: mode ?? current.mode,
    pinned: withoutAny({ ...current.pinned, ...pin }, unpin),
  }));
  if (isRefusal(tuning)) return tuning;
  const experiments = await ports.record.experiments.list(fleet);
  const nowMs = ports.clock.nowMs();
  const night = { ...nightAt(nowMs), atMs: nowMs };
  const after: ExperimentRecord[] = [];
  for (const experiment of experiments) {
    if (forbiddenBy(tuning, experiment) === null) {
      after.push(experiment);
      continue;
    }
    const result = await changeExperiment(ports, fleet, experiment.id, (current) => {
      const why = forbiddenBy(tuning, current);
      return why === null ? UNCHANGED : commit(stop(current, why, night, "operator"));
    });
    if (isRefusal(result)) return result;
    after.push(result.document);
  }
  await putToUse(ports, fleet, after, nowMs);
  const settings = await fleetOf(ports, fleet);
  return { tuning: tuningView(settings.tuning ?? tuning, valuesOf(settings)) };
}

function withoutAny<T extends object>(values: T, names: readonly ParameterName[]): T {
  return Object.fromEntries(
    Object.entries(values).filter(([name]) => !names.some((one) => one === name)),
  ) as T;
}
