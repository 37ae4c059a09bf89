import type { ActiveExperiment, Variant } from "../contract/experiments.ts";
import type { AllocationUnit } from "../ports/allocation.ts";
import type { Ports } from "../ports/ports.ts";

/** The variant that a unit should meet; null if it is in no arm. Work never waits, or fails, for an experiment. */
export async function variantFor(
  { allocator, log }: Pick<Ports, "allocator" | "log">,
  active: readonly ActiveExperiment[],
  experiment: ActiveExperiment,
  unit: AllocationUnit,
): Promise<Variant | null> {
  try {
    return await allocator.allocate(active, experiment, unit);
  } catch (error) {
    const { fleet, kind, id } = unit;
    log.warn("a unit was not allocated", {
      fleet,
      experiment: experiment.id,
      kind,
      id,
      error: String(error),
    });
    return null;
  }
}
