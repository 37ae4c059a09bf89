import type { TaskIn, TaskRecord } from "../contract/records.ts";
import type { TaskState } from "../contract/task.ts";
import { assert } from "./assert.ts";
import { type Occasion, withEvent } from "./task-events.ts";

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

type KeyOfEach<T> = T extends unknown ? keyof T : never;
/** A field that only some states have; a transition drops those of the state it leaves. */
type StateField = Exclude<KeyOfEach<TaskRecord>, keyof TaskRecord>;
const stateFields: Readonly<Record<StateField, true>> = {
  waitingOn: true,
  skippedBy: true,
  notBeforeMs: true,
  movedAtMs: true,
  owner: true,
  timeoutAtMs: true,
  progressAtMs: true,
  endedAtMs: true,
  result: true,
  evidence: true,
  used: true,
  effectsPending: true,
  lastHolder: true,
};
type Base = Omit<TaskRecord, StateField | "state">;

/**
 * The task in another state, without the fields that only the state it leaves has, and with one event more. Throws on an
 * illegal transition.
 */
export function enter<S extends TaskState>(
  task: TaskRecord,
  state: S,
  fields: Omit<TaskIn<S>, keyof Base | "state"> & Partial<Base>,
  occasion: Occasion,
): TaskIn<S> {
  assert(TASK_TRANSITIONS[task.state].includes(state), `task ${task.id}: ${task.state} -> ${state}`);
  const base = Object.fromEntries(
    Object.entries(task).filter(([field]) => !Object.hasOwn(stateFields, field)),
  );
  return withEvent(task, { ...base, state, ...fields } as unknown as TaskIn<S>, occasion);
}
