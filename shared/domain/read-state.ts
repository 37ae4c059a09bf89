import { CheckpointState } from "../contract/checkpoint.ts";
import { isRecord } from "./is-record.ts";

/**
 * What of a checkpoint's state has the shape that we know: part by part, and in a part field by field, and in a list entry by entry. What
 * does not fit is left out and takes nothing else with it: agents differ, any JSON may be kept, and one call that is told oddly must not
 * hide another whose outcome is unknown.
 */
export function readState(state: unknown): CheckpointState {
  if (!isRecord(state)) return {};
  const parts = Object.entries(state).flatMap(([name, value]) => {
    if (fits({ [name]: value })) return [[name, value] as const];
    return isRecord(value) ? [[name, readPart(name, value)] as const] : [];
  });
  return CheckpointState.safeParse(Object.fromEntries(parts)).data ?? {};
}

function readPart(part: string, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const fields = Object.entries(value).flatMap(([name, field]) => {
    const may = (candidate: unknown) => fits({ [part]: { [name]: candidate } });
    if (may(field)) return [[name, field] as const];
    return Array.isArray(field) ? [[name, field.filter((entry) => may([entry]))] as const] : [];
  });
  return Object.fromEntries(fields);
}

const fits = (part: Readonly<Record<string, unknown>>) => CheckpointState.safeParse(part).success;
