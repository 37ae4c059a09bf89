import type { ActiveExperiment, Exposure } from "../contract/experiments.ts";
import type { ParameterName } from "../contract/parameters.ts";
import type { FleetRecord, TaskRecord } from "../contract/records.ts";
import { type Values, metValue, taskExperiment, valueOfVariant } from "../domain/experiments/parameters.ts";
import { exposureOf } from "../domain/experiments/totals.ts";
import type { AllocationUnit } from "../ports/allocation.ts";
import type { Ports } from "../ports/ports.ts";
import { variantFor } from "./allocate-unit.ts";
import { fileTaskExposure } from "./expose-unit.ts";

/** What a task is given of a parameter. */
export type Met<N extends ParameterName> = {
  readonly value: Values[N];
  /** What it meets should the parameter be used on it now; null if it is in no experiment, or has met it. */
  readonly meets: Meeting | null;
};
export type Meeting = { readonly experiment: ActiveExperiment; readonly exposure: Exposure };

/** A redriven task is another unit, as a session's next start is: what failed is redriven, and would fill the worse arm. */
function unitOf({ fleet, id, redrives }: TaskRecord): AllocationUnit {
  return { fleet, kind: "task", id: `${id}/${redrives}` };
}

/** What a task is given of a parameter. A variant that it has met is kept; one that is in no arm is given what the fleet uses. */
export async function valueForTask<N extends ParameterName>(
  ports: Ports,
  settings: FleetRecord,
  task: TaskRecord,
  name: N,
): Promise<Met<N>> {
  const { tuning } = settings;
  const known = { value: metValue(settings, task.exposures, name), meets: null };
  const experiment = taskExperiment(tuning, name);
  if (!experiment || (task.exposures && experiment.id in task.exposures)) return known;
  const variant = await variantFor(ports, tuning?.active ?? [], experiment, unitOf(task));
  const exposure = exposureOf(experiment, variant, ports.clock.nowMs());
  if (exposure === null) return known;
  const value = valueOfVariant(experiment, exposure.variant) as Values[N];
  return { value, meets: { experiment, exposure } };
}

/** Tells that a task has met its variant, once the record has it. */
export async function tellMet(ports: Ports, task: TaskRecord, { experiment }: Meeting): Promise<void> {
  const exposure = task.exposures?.[experiment.id];
  if (!exposure) return;
  await fileTaskExposure(ports, task, experiment.id);
  ports.allocator.expose(experiment, unitOf(task), exposure.variant);
}
