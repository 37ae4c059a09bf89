import type {
  EndedTask,
  OwnedTask,
  Owner,
  PayloadRef,
  SettledBy,
  TaskIn,
  TaskRecord,
} from "../contract/records.ts";
import { PLACEMENTS_LIMIT } from "../contract/limits.ts";
import type { TaskError, TaskState } from "../contract/task.ts";
import { assert } from "./assert.ts";
import { type Decision, UNCHANGED, commit, refused } from "./decision.ts";
import { fullJitterMs } from "./backoff.ts";

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

/** A holder as its request names itself: the token's session and epoch, and the fence it was given. */
export type Holder = { readonly session: string; readonly epoch: number; readonly fence: number };

/** Fields that only some states have; a transition drops those of the state it leaves. */
const stateFields = [
  "waitingOn",
  "notBeforeMs",
  "owner",
  "timeoutAtMs",
  "endedAtMs",
  "result",
  "evidence",
  "effectsPending",
  "lastHolder",
] as const;
type StateField = (typeof stateFields)[number];
type Base = Omit<TaskRecord, StateField | "state">;

function enter<S extends TaskState>(
  task: TaskRecord,
  state: S,
  fields: Omit<TaskIn<S>, keyof Base | "state"> & Partial<Base>,
): TaskIn<S> {
  assert(TASK_TRANSITIONS[task.state].includes(state), `task ${task.id}: ${task.state} -> ${state}`);
  const base: Record<string, unknown> = { ...task };
  for (const field of stateFields) Reflect.deleteProperty(base, field);
  return { ...base, state, ...fields } as unknown as TaskIn<S>;
}

export function isOwned(task: TaskRecord): task is OwnedTask {
  return task.state === "assigned" || task.state === "running";
}

export function isEnded(task: TaskRecord): task is EndedTask {
  return task.state === "completed" || task.state === "failed" || task.state === "cancelled";
}

export function isOwnedBy(task: TaskRecord, session: string, epoch: number): task is OwnedTask {
  return isOwned(task) && task.owner.session === session && task.owner.epoch === epoch;
}

/** Whether a queued task may be assigned now. */
export function isReady(task: TaskRecord, nowMs: number): task is TaskIn<"queued"> {
  return task.state === "queued" && task.notBeforeMs <= nowMs;
}

/** A stale holder learns that it is stale, never what the current fence is. */
function staleLease(task: TaskRecord, holder: Holder): ReturnType<typeof refused> {
  const cancelledFromIt =
    task.state === "cancelled" &&
    task.lastHolder?.session === holder.session &&
    task.lastHolder.epoch === holder.epoch &&
    task.lastHolder.fence === holder.fence;
  if (cancelledFromIt) return refused("task.cancelled", `Task ${task.id} was cancelled while you held it.`);
  return refused(
    "lease.stale",
    `Session ${holder.session} does not hold task ${task.id} with this fencing token.`,
  );
}

/** Whether this holder itself completed, failed or released the task, in this tenure. */
export function isSettledBy({ settledBy: by }: TaskRecord, holder: Holder): boolean {
  return by?.session === holder.session && by.epoch === holder.epoch && by.fence === holder.fence;
}

/** The running task if this holder holds it, else why not; `unchanged` if it settled it by the same request. */
function heldRunning(
  task: TaskRecord,
  holder: Holder,
  bodyHash: string,
): TaskIn<"running"> | Exclude<Decision<never>, { kind: "commit" }> {
  if (isSettledBy(task, holder)) {
    if (task.settledBy?.bodyHash === bodyHash) return UNCHANGED;
    return refused("task.finished", `You already settled task ${task.id} with another request.`);
  }
  if (
    task.state === "running" &&
    isOwnedBy(task, holder.session, holder.epoch) &&
    task.fence === holder.fence
  )
    return task;
  return staleLease(task, holder);
}

/** Gives a ready task to a session. The caller has reserved `task.fence + 1` in the session's `held` before. */
export function assign(task: TaskIn<"queued">, owner: Owner): TaskIn<"assigned"> {
  return enter(task, "assigned", {
    owner,
    notBeforeMs: task.notBeforeMs,
    fence: task.fence + 1,
    progress: null,
  });
}

/** Moves a waiting assignment to another session. */
export function reassign(task: TaskIn<"assigned">, owner: Owner): TaskIn<"assigned"> {
  return enter(task, "assigned", { owner, notBeforeMs: task.notBeforeMs, fence: task.fence + 1 });
}

/** The holder starts: this is what counts as an attempt. */
export function start(task: TaskIn<"assigned">, nowMs: number): TaskIn<"running"> {
  return enter(task, "running", {
    owner: task.owner,
    attempt: task.attempt + 1,
    startedAtMs: nowMs,
    timeoutAtMs: task.timeoutMs === null ? null : nowMs + task.timeoutMs,
  });
}

export function progress(
  task: TaskRecord,
  holder: Holder,
  percent: number,
  message: string | null,
): Decision<TaskRecord> {
  const running =
    task.state === "running" && isOwnedBy(task, holder.session, holder.epoch) && task.fence === holder.fence;
  if (!running) return staleLease(task, holder);
  if (task.progress?.percent === percent && task.progress.message === message) return UNCHANGED;
  return commit({ ...task, progress: { percent, message } });
}

/**
 * Ends a task with success. Its effects on others run after the commit and before the session lets go of it, so
 * the session's `held` entry is what remembers them if the function dies in between.
 */
export function complete(
  task: TaskRecord,
  holder: Holder,
  bodyHash: string,
  payloads: { readonly result: PayloadRef; readonly evidence: PayloadRef | null },
  nowMs: number,
): Decision<TaskRecord> {
  const running = heldRunning(task, holder, bodyHash);
  if ("kind" in running) return running;
  return commit(
    enter(running, "completed", {
      fence: running.fence + 1,
      settledBy: { ...holder, bodyHash },
      progress: { percent: 100, message: running.progress?.message ?? null },
      error: null,
      ...payloads,
      endedAtMs: nowMs,
      effectsPending: false,
    }),
  );
}

export type Failure = {
  readonly error: TaskError;
  readonly retryable: boolean;
  readonly bodyHash: string;
  readonly backoffBaseMs: number;
  readonly uniform: number;
};

/** The holder reports a failed attempt: another one after a backoff, or a dead letter. */
export function fail(
  task: TaskRecord,
  holder: Holder,
  failure: Failure,
  nowMs: number,
): Decision<TaskRecord> {
  const running = heldRunning(task, holder, failure.bodyHash);
  if ("kind" in running) return running;
  const settledBy: SettledBy = { ...holder, bodyHash: failure.bodyHash };
  const fence = running.fence + 1;
  if (!failure.retryable || running.attempt >= running.maxAttempts)
    return commit(
      enter(running, "failed", {
        fence,
        settledBy,
        error: failure.error,
        endedAtMs: nowMs,
        effectsPending: false,
      }),
    );
  const waitMs = fullJitterMs(running.attempt, failure.backoffBaseMs, failure.uniform);
  return commit(
    enter(running, "queued", {
      fence,
      settledBy,
      error: failure.error,
      placements: 0,
      progress: null,
      notBeforeMs: nowMs + waitMs,
    }),
  );
}

/** The holder gives the task back unharmed: the attempt does not count. */
export function release(
  task: TaskRecord,
  holder: Holder,
  bodyHash: string,
  nowMs: number,
): Decision<TaskRecord> {
  if (isOwnedBy(task, holder.session, holder.epoch) && task.fence === holder.fence) {
    const back = giveBack(task, nowMs);
    return commit({ ...back, settledBy: { ...holder, bodyHash } });
  }
  const settled = heldRunning(task, holder, bodyHash);
  assert("kind" in settled, `task ${task.id}: a held task was not released`);
  return settled;
}

/** Back to the queue without fault of the task, or a dead letter if that happened too often in a row. */
function giveBack(task: OwnedTask, nowMs: number): TaskIn<"queued" | "failed"> {
  const fence = task.fence + 1;
  const placements = task.placements + 1;
  const attempt = task.state === "running" ? task.attempt - 1 : task.attempt;
  if (placements >= PLACEMENTS_LIMIT) {
    const error = {
      code: "placements.spent",
      message: `Given back ${placements} times in a row without an attempt that ended.`,
    };
    return enter(task, "failed", {
      fence,
      placements,
      attempt,
      error,
      endedAtMs: nowMs,
      effectsPending: true,
    });
  }
  const notBeforeMs = task.state === "assigned" ? task.notBeforeMs : nowMs; // One that only waited keeps its turn.
  return enter(task, "queued", { fence, placements, attempt, progress: null, notBeforeMs });
}

export type Loss = {
  /** `crash`: the session died. `timeout`: the task ran too long. `moved`: neither task nor session is to blame. */
  readonly cause: "crash" | "timeout" | "moved";
  readonly detail: string;
  readonly backoffBaseMs: number;
  readonly uniform: number;
};

/**
 * Takes a task from its owner. A running one has spent its attempt unless it is merely moved; a first crash is
 * retried at once, anything later after a backoff.
 */
export function requeue(task: OwnedTask, loss: Loss, nowMs: number): TaskIn<"queued" | "failed"> {
  if (task.state === "assigned" || loss.cause === "moved") return giveBack(task, nowMs);
  const fence = task.fence + 1;
  const error = { code: `task.${loss.cause}`, message: loss.detail };
  if (task.attempt >= task.maxAttempts)
    return enter(task, "failed", { fence, error, endedAtMs: nowMs, effectsPending: true });
  const atOnce = loss.cause === "crash" && task.attempt === 1;
  const waitMs = atOnce ? 0 : fullJitterMs(task.attempt, loss.backoffBaseMs, loss.uniform);
  return enter(task, "queued", { fence, error, placements: 0, progress: null, notBeforeMs: nowMs + waitMs });
}

/** Raises a queued task's fence, so that a reservation made for the old one can never become an assignment. */
export function voidReservation(task: TaskIn<"queued">, reservedFence: number): TaskIn<"queued"> {
  return { ...task, fence: Math.max(task.fence, reservedFence) };
}

/** Cancels whatever has not ended. The first end wins. */
export function cancel(task: TaskRecord, reason: string | null, nowMs: number): Decision<TaskRecord> {
  if (task.state === "cancelled") return UNCHANGED;
  if (isEnded(task))
    return refused("task.finished", `Task ${task.id} had ${task.state} before it could be cancelled.`);
  const lastHolder = isOwned(task)
    ? { session: task.owner.session, epoch: task.owner.epoch, fence: task.fence }
    : null;
  const error = reason === null ? null : { code: "task.cancelled", message: reason };
  return commit(
    enter(task, "cancelled", {
      fence: task.fence + 1,
      error,
      lastHolder,
      endedAtMs: nowMs,
      effectsPending: true,
    }),
  );
}

/** A dependency ended: once the last one has, a blocked task is ready. */
export function unblock(task: TaskIn<"blocked">, nowMs: number): TaskIn<"queued"> {
  assert(task.waitingOn.length === 0, `task ${task.id} still waits`);
  return enter(task, "queued", { notBeforeMs: nowMs });
}

/** A dependency failed or was cancelled, so this task can never start. */
export function failByDependency(
  task: TaskIn<"blocked">,
  dependency: string,
  nowMs: number,
): TaskIn<"failed"> {
  const error = { code: "dependency.failed", message: `Dependency ${dependency} did not complete.` };
  return enter(task, "failed", { fence: task.fence + 1, error, endedAtMs: nowMs, effectsPending: true });
}

/** Returns a dead letter to the queue with all its attempts, or to wait for dependencies that run again. */
export function redrive(
  task: TaskRecord,
  submission: TaskRecord["submission"],
  waitingOn: string[],
  nowMs: number,
): Decision<TaskRecord> {
  if (task.state !== "failed") return refused("task.not_failed", `Task ${task.id} is ${task.state}.`);
  const anew = {
    submission,
    attempt: 0,
    placements: 0,
    redrives: task.redrives + 1,
    fence: task.fence + 1,
    settledBy: null,
    progress: null,
  };
  if (waitingOn.length > 0) return commit(enter(task, "blocked", { ...anew, waitingOn }));
  return commit(enter(task, "queued", { ...anew, notBeforeMs: nowMs }));
}

/** The effects of an end have all run. */
export function effectsDone(task: EndedTask): EndedTask {
  return { ...task, effectsPending: false };
}
