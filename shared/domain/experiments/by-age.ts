import type { ExperimentRecord } from "../../contract/experiments.ts";

/** Orders experiments, the oldest first. */
export function byAge(a: ExperimentRecord, b: ExperimentRecord): number {
  return a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1);
}
