import type { Exposures } from "../contract/experiments.ts";
import type { PayloadRef, SettledBy, TaskIn, TaskRecord, Used } from "../contract/records.ts";
import type { TaskError } from "../contract/task.ts";
import { assert } from "./assert.ts";
import { fullJitterMs } from "./backoff.ts";
import { type Decision, UNCHANGED, commit, refused } from "./decision.ts";
import { enter } from "./task-state.ts";
import { giveBack, isOwnedBy } from "./task-transitions.ts";

/** A holder as its request names itself: the token's session and epoch, and the fence it was given. */
export type Holder = { readonly session: string; readonly epoch: number; readonly fence: number };

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

export function progress(
  task: TaskRecord,
  holder: Holder,
  percent: number,
  message: string | null,
  nowMs: number,
): Decision<TaskRecord> {
  const running =
    task.state === "running" && isOwnedBy(task, holder.session, holder.epoch) && task.fence === holder.fence;
  if (!running) return staleLease(task, holder);
  if (task.progress?.percent === percent && task.progress.message === message) return UNCHANGED;
  return commit({ ...task, progress: { percent, message }, progressAtMs: nowMs });
}

/**
 * Ends a task with success. Its effects on others run after the commit and before the session lets go of it, so
 * the session's `held` entry is what remembers them if the function dies in between.
 */
export function complete(
  task: TaskRecord,
  holder: Holder,
  bodyHash: string,
  payloads: { readonly result: PayloadRef; readonly evidence: PayloadRef | null; readonly used?: Used },
  nowMs: number,
): Decision<TaskRecord> {
  const running = heldRunning(task, holder, bodyHash);
  if ("kind" in running) return running;
  const completed = {
    fence: running.fence + 1,
    settledBy: { ...holder, bodyHash },
    progress: { percent: 100, message: running.progress?.message ?? null },
    error: null,
    ...payloads,
    endedAtMs: nowMs,
    effectsPending: false,
  };
  return commit(enter(running, "completed", completed, { nowMs }));
}

export type Failure = {
  readonly error: TaskError;
  readonly retryable: boolean;
  readonly bodyHash: string;
  readonly backoffBaseMs: number;
  readonly uniform: number;
  /** What the task meets if it is tried again after a backoff. */
  readonly meets?: Exposures;
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
  const { error } = failure;
  if (!failure.retryable || running.attempt >= running.maxAttempts) {
    const failed = { fence, settledBy, error, endedAtMs: nowMs, effectsPending: false };
    return commit(enter(running, "failed", failed, { nowMs }));
  }
  const notBeforeMs = nowMs + fullJitterMs(running.attempt, failure.backoffBaseMs, failure.uniform);
  const exposed = failure.meets && { exposures: { ...failure.meets, ...running.exposures } };
  const queued = { fence, settledBy, error, placements: 0, progress: null, notBeforeMs, ...exposed };
  return commit(
    enter(running, "queued", queued, { nowMs, reason: error.code ?? "task.failed", endedBy: "exit" }),
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
    const back = giveBack(task, { nowMs, reason: "task.released", endedBy: "exit" });
    return commit({ ...back, settledBy: { ...holder, bodyHash } });
  }
  const settled = heldRunning(task, holder, bodyHash);
  assert("kind" in settled, `task ${task.id}: a held task was not released`);
  return settled;
}
