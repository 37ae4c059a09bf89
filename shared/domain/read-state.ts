import { CheckpointState } from "../contract/checkpoint.ts";
import { isRecord } from "./is-record.ts";

/**
 * What of a checkpoint's state has the shape that we know, part by part: what does not fit is left out, and takes nothing else with
 * it. Agents differ, and any JSON may be kept.
 */
export function readState(state: unknown): CheckpointState {
  if (!isRecord(state)) return {};
  const parts = Object.entries(state).filter(([name, value]) => fits({ [name]: value }));
  return CheckpointState.safeParse(Object.fromEntries(parts)).data ?? {};
}

const fits = (part: Readonly<Record<string, unknown>>) => CheckpointState.safeParse(part).success;
