import { createHash } from "node:crypto";
import type { ActiveExperiment, Variant } from "../../contract/experiments.ts";
import type { AllocationUnit } from "../../ports/allocation.ts";
import { userIdOf } from "./spec.ts";

/** Bytes of a hash that are read as a number: all that a double holds exactly. */
const HASH_BYTES = 6;

/**
 * The variant that a unit of one of Statsig's two equal groups meets at the experiment's share; null if it is in no arm for now.
 *
 * Statsig fixes a split when an experiment starts, and ours grows. So its groups stay equal, and a part of the larger one is left out:
 * at a share s of the treatment, s / (1 - s) of its group while s is below one half, and (1 - s) / s of control above. Of those in an
 * arm s are treated, each by itself; and who is treated at a share is treated at every larger one.
 */
export function admitted(
  variant: Variant,
  { id, treatmentShare }: Pick<ActiveExperiment, "id" | "treatmentShare">,
  unit: AllocationUnit,
): Variant | null {
  const [own, other] =
    variant === "treatment" ? [treatmentShare, 1 - treatmentShare] : [1 - treatmentShare, treatmentShare];
  return own >= other || placeOf(id, unit) < own / other ? variant : null;
}

/** A place in [0, 1) that Statsig's own hash knows nothing of. */
function placeOf(experiment: string, unit: AllocationUnit): number {
  const hash = createHash("sha256")
    .update(`admitted/${experiment}/${userIdOf(unit)}`)
    .digest();
  return hash.readUIntBE(0, HASH_BYTES) / 2 ** (8 * HASH_BYTES);
}
