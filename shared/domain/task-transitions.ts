import type { Exposure } from "../contract/experiments.ts";
import type { EndedBy, EndedTask, OwnedTask, Owner, TaskIn, TaskRecord } from "../contract/records.ts";
import { PLACEMENTS_LIMIT } from "../contract/limits.ts";
import { fullJitterMs } from "./backoff.ts";
import { type Decision, UNCHANGED, commit, refused } from "./decision.ts";
import type { Occasion } from "./task-events.ts";
import { enter } from "./task-state.ts";

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

/** Gives a ready task to a session. The caller has reserved `task.fence + 1` in the session's `held` before. */
export function assign(task: TaskIn<"queued">, owner: Owner, nowMs: number): TaskIn<"assigned"> {
  const { notBeforeMs, fence } = task;
  return enter(task, "assigned", { owner, notBeforeMs, fence: fence + 1, progress: null }, { nowMs });
}

/** Moves a waiting assignment to another session. */
export function reassign(task: TaskIn<"assigned">, owner: Owner, nowMs: number): TaskIn<"assigned"> {
  const { notBeforeMs, fence } = task;
  const moved = { owner, notBeforeMs, movedAtMs: nowMs, fence: fence + 1 };
  return enter(task, "assigned", moved, { nowMs, reason: "task.moved" });
}

/** The holder starts: this is what counts as an attempt. */
export function start(task: TaskIn<"assigned">, nowMs: number): TaskIn<"running"> {
  const started = {
    owner: task.owner,
    attempt: task.attempt + 1,
    startedAtMs: nowMs,
    timeoutAtMs: task.timeoutMs === null ? null : nowMs + task.timeoutMs,
  };
  return enter(task, "running", started, { nowMs });
}

/** Back to the queue without fault of the task, or a dead letter if that happened too often in a row. */
export function giveBack(task: OwnedTask, occasion: Occasion): TaskIn<"queued" | "failed"> {
  const fence = task.fence + 1;
  const placements = task.placements + 1;
  const attempt = task.state === "running" ? task.attempt - 1 : task.attempt;
  if (placements >= PLACEMENTS_LIMIT) {
    const error = {
      code: "placements.spent",
      message: `Given back ${placements} times in a row without an attempt that ended.`,
    };
    const failed = { fence, placements, attempt, error, endedAtMs: occasion.nowMs, effectsPending: true };
    return enter(task, "failed", failed, occasion);
  }
  // One that only waited keeps its turn.
  const notBeforeMs = task.state === "assigned" ? task.notBeforeMs : occasion.nowMs;
  return enter(task, "queued", { fence, placements, attempt, progress: null, notBeforeMs }, occasion);
}

/** Back to the queue because it may not start now: it keeps its turn, and nothing is counted. */
export function standBack(task: TaskIn<"assigned">, nowMs: number): TaskIn<"queued"> {
  const { notBeforeMs, fence } = task;
  const queued = { fence: fence + 1, notBeforeMs, progress: null };
  return enter(task, "queued", queued, { nowMs, reason: "task.paused" });
}

export type Loss = {
  /**
   * `crash`: the session died. `timeout`: the task ran too long. `dropped`: the session lives and does not work on
   * it any more. `moved`: neither task nor session is to blame.
   */
  readonly cause: "crash" | "timeout" | "dropped" | "moved";
  readonly detail: string;
  readonly backoffBaseMs: number;
  readonly uniform: number;
  /** Of a crash: when the session's last beat was accepted, if known. */
  readonly lastBeatAtMs?: number | null;
  /** How the session that it is taken from ended, if it did. */
  readonly endedBy?: EndedBy | undefined;
};

/** How a tenure ended whose session did not, or nobody knows how. */
const ENDED_BY: Readonly<Record<Loss["cause"], EndedBy>> = {
  crash: "lost",
  timeout: "timeout",
  dropped: "unknown",
  moved: "exit",
};

/**
 * Takes a task from its owner. A running one has spent its attempt unless it is merely moved; a first crash is
 * retried at once, anything later after a backoff.
 */
export function requeue(task: OwnedTask, loss: Loss, nowMs: number): TaskIn<"queued" | "failed"> {
  const code = `task.${loss.cause}`;
  const endedBy = loss.endedBy ?? ENDED_BY[loss.cause];
  const occasion = { nowMs, reason: code, lastBeatAtMs: loss.lastBeatAtMs, endedBy };
  if (task.state === "assigned" || loss.cause === "moved") return giveBack(task, occasion);
  const fence = task.fence + 1;
  const error = { code, message: loss.detail };
  if (task.attempt >= task.maxAttempts)
    return enter(task, "failed", { fence, error, endedAtMs: nowMs, effectsPending: true }, occasion);
  const atOnce = loss.cause === "crash" && task.attempt === 1;
  const waitMs = atOnce ? 0 : fullJitterMs(task.attempt, loss.backoffBaseMs, loss.uniform);
  const queued = { fence, error, placements: 0, progress: null, notBeforeMs: nowMs + waitMs };
  return enter(task, "queued", queued, occasion);
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
  const cancelled = { fence: task.fence + 1, error, lastHolder, endedAtMs: nowMs, effectsPending: true };
  return commit(enter(task, "cancelled", cancelled, { nowMs }));
}

/** Returns a dead letter to the queue with all its attempts, or to wait for dependencies that run again. */
export function redrive(
  task: TaskRecord,
  submission: TaskRecord["submission"],
  waitingOn: string[],
  nowMs: number,
): Decision<TaskRecord> {
  if (task.state !== "failed") return refused("task.not_failed", `Task ${task.id} is ${task.state}.`);
  // Another unit: it meets its variants anew.
  const { exposures: _, ...unexposed } = task;
  const anew = {
    submission,
    attempt: 0,
    placements: 0,
    redrives: task.redrives + 1,
    fence: task.fence + 1,
    settledBy: null,
    progress: null,
  };
  const occasion = { nowMs, reason: "task.redriven" };
  if (waitingOn.length > 0) return commit(enter(unexposed, "blocked", { ...anew, waitingOn }, occasion));
  return commit(enter(unexposed, "queued", { ...anew, notBeforeMs: nowMs }, occasion));
}

/** Notes that a task has met its variant of an experiment. The first time stands, and is of one redrive. */
export function exposeTask(
  task: TaskRecord,
  redrives: number,
  experiment: string,
  exposure: Exposure,
): Decision<TaskRecord> {
  if (task.redrives !== redrives || isEnded(task) || (task.exposures && experiment in task.exposures))
    return UNCHANGED;
  return commit({ ...task, exposures: { ...task.exposures, [experiment]: exposure } });
}

/** The effects of an end have all run. */
export function effectsDone(task: EndedTask): EndedTask {
  return { ...task, effectsPending: false };
}
