import { createHash } from "node:crypto";
import type { Variant } from "../../contract/experiments.ts";
import type { AllocationUnit, Allocator, ExperimentMirror } from "../../ports/allocation.ts";

/** Bytes of a hash that are read as a number: all that a double holds exactly. */
const HASH_BYTES = 6;

export type MemoryAllocator = Allocator & {
  /** In the order in which they were told. */
  readonly exposures: {
    readonly experiment: string;
    readonly unit: AllocationUnit;
    readonly variant: Variant;
  }[];
};

/** A place in [0, 1) that depends on the experiment and the unit alone. No id contains a slash. */
function placeOf(experiment: string, { fleet, kind, id }: AllocationUnit): number {
  const hash = createHash("sha256").update(`${fleet}/${experiment}/${kind}/${id}`).digest();
  return hash.readUIntBE(0, HASH_BYTES) / 2 ** (8 * HASH_BYTES);
}

/** Allocation in this process: whoever is placed below the share is treated, so also at every larger share. */
export function createMemoryAllocator(): MemoryAllocator {
  const exposures: MemoryAllocator["exposures"] = [];
  return {
    exposures,
    async allocate(active, { id }, unit) {
      const known = active.find((each) => each.id === id);
      if (!known || unit.id === "") return null;
      return placeOf(id, unit) < known.treatmentShare ? "treatment" : "control";
    },
    expose({ id }, unit, variant) {
      exposures.push({ experiment: id, unit, variant });
    },
    async flush() {},
  };
}

/** For functions that do not allocate: no unit is in an arm. */
export const noAllocator: Allocator = {
  async allocate() {
    return null;
  },
  expose() {},
  async flush() {},
};

/** Where nobody looks elsewhere. */
export const noMirror: ExperimentMirror = { async show() {} };
