import type { TaskIn, TaskRecord } from "../contract/records.ts";
import type { TaskState } from "../contract/task.ts";
import { assert } from "./assert.ts";

/** The legal transitions. `assigned -> assigned` is a rebalance: the owner changes, the task still waits. */
export const TASK_TRANSITIONS: Readonly<Record<TaskState, readonly TaskState[]>> = {
  blocked: ["queued", "failed", "cancelled"],
  queued: ["assigned", "cancelled"],
  assigned: ["assigned", "running", "queued", "failed", "cancelled"],
  running: ["completed", "failed", "queued", "cancelled"],
  completed: [],
  failed: ["queued", "blocked"],
  cancelled: [],
};

/** Fields that only some states have; a transition drops those of the state it leaves. */
const stateFields = [
  "waitingOn",
  "skippedBy",
  "notBeforeMs",
  "movedAtMs",
  "owner",
  "timeoutAtMs",
  "endedAtMs",
  "result",
  "evidence",
  "effectsPending",
  "lastHolder",
] as const;
const isStateField: ReadonlySet<string> = new Set(stateFields);
type StateField = (typeof stateFields)[number];
type Base = Omit<TaskRecord, StateField | "state">;

/** The task in another state, without the fields that only the state it leaves has. Throws on an illegal transition. */
export function enter<S extends TaskState>(
  task: TaskRecord,
  state: S,
  fields: Omit<TaskIn<S>, keyof Base | "state"> & Partial<Base>,
): TaskIn<S> {
  assert(TASK_TRANSITIONS[task.state].includes(state), `task ${task.id}: ${task.state} -> ${state}`);
  const base = Object.fromEntries(Object.entries(task).filter(([field]) => !isStateField.has(field)));
  return { ...base, state, ...fields } as unknown as TaskIn<S>;
}
