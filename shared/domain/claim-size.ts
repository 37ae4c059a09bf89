import { INPUTS_BYTES_LIMIT, TASK_DATA_BYTES_LIMIT } from "../contract/limits.ts";
import type { TaskRecord } from "../contract/records.ts";

/**
 * A claim that has so many bytes gets no more tasks. AWS Lambda answers at most 6 MB (its quotas, synchronous
 * invocations), and the last task may add half a megabyte.
 */
const FULL_BYTES = 5 * 1_024 * 1_024;
/** All of a task but its data and inputs: names, a reason, a progress message. */
const REST_BYTES = 8 * 1_024;

/** The most bytes a task may have in an answer, without reading its data. */
function mostBytes({ data, dependsOn }: TaskRecord): number {
  const dataBytes = data.at === "inline" ? data.json.length : TASK_DATA_BYTES_LIMIT;
  return dataBytes + (dependsOn.length > 0 ? INPUTS_BYTES_LIMIT : 0) + REST_BYTES;
}

/** Whether a claim with these tasks gets no more: it has as many as were asked for, or as fit an answer. */
export function isFullClaim(tasks: readonly TaskRecord[], max: number): boolean {
  return tasks.length >= max || tasks.reduce((sum, task) => sum + mostBytes(task), 0) >= FULL_BYTES;
}
