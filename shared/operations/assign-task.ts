import { isRefusal } from "../contract/errors.ts";
import type { OwnedTask, SessionRecord, TaskRecord } from "../contract/records.ts";
import type { Rules } from "../contract/rules.ts";
import { commit } from "../domain/decision.ts";
import { type Barrier, neededBy, pauseOf } from "../domain/rules.ts";
import type { Tenure } from "../domain/semaphore.ts";
import { reserve, withoutPlace } from "../domain/session-transitions.ts";
import { assign, isEnded, isOwnedBy, isReady, requeue, start } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { announceReady } from "./announce-ready.ts";
import { changeTask } from "./change.ts";
import { commitTask } from "./commit-task.ts";
import { fullAmong, letPass } from "./let-through.ts";
import { acquirePermits } from "./permits.ts";
import { publishSession } from "./publish-session.ts";
import { undoPlace } from "./release-place.ts";
import { runEndEffects } from "./run-end-effects.ts";

/** Tries to reserve a place while others change the same session. */
const RESERVE_TRIES = 8;

export type Assignment =
  | { readonly outcome: "assigned"; readonly task: OwnedTask; readonly session: SessionRecord }
  /** The task is not ready: it ended, was taken, or must still wait. */
  | { readonly outcome: "not_ready" }
  /** The session cannot take any. */
  | { readonly outcome: "no_room" }
  /** The session has not stopped an earlier attempt of it yet. */
  | { readonly outcome: "still_held" }
  /** Nobody may take it before this barrier opens. */
  | { readonly outcome: "held_back"; readonly barrier: Barrier };

/** How a task is handed out. */
export type Hand = {
  /** Whether the session starts it at once, because it asked for work; else it waits to be claimed. */
  readonly starts: boolean;
  /** The fleet's, read not long before. */
  readonly rules: Rules;
  /** The task, if it was just read. */
  readonly known?: TaskRecord | null;
  /** The session, if it was just read: whoever is overtaken by another change reads it again. */
  readonly session?: SessionRecord;
  /** What the session lets go of with the same commit. */
  readonly leaving?: Tenure | null;
};

/**
 * Gives a ready task to a session: reserve in the session, acquire the task's permits, write the task, look at the
 * session once more. The order keeps `held` a superset of what is owned, so that a reaper which empties `held` misses
 * nothing, and what is owned always has its permits:
 *
 *     reserve ── reaper takes held ── write task ── look: epoch has changed ── undo
 *     reserve ── write task ── reaper takes held (with the task in it) ── look: undo finds it requeued
 *
 */
export async function assignTask(
  ports: Ports,
  fleet: string,
  taskId: string,
  sessionId: string,
  { starts, rules, known, session, leaving = null }: Hand,
): Promise<Assignment> {
  const task = known ?? (await ports.record.tasks.get(fleet, taskId));
  if (!task || !isReady(task, ports.clock.nowMs())) {
    if (task) await passOn(ports, task, rules);
    return { outcome: "not_ready" };
  }
  const needed = neededBy(rules, task);
  const barrier = pauseOf(rules, task) ?? [...(await fullAmong(ports, fleet, needed))][0];
  if (barrier !== undefined) {
    await passOn(ports, task, rules, barrier);
    return { outcome: "held_back", barrier };
  }
  const semaphores = needed.map(({ id }) => id);
  const read = session?.id === sessionId ? session : undefined;
  const tenure = { task: taskId, session: sessionId, fence: task.fence + 1 };
  const reserved = await reservePlace(ports, fleet, tenure, { semaphores, leaving, read });
  if (typeof reserved === "string") return { outcome: reserved };

  const owner = { session: sessionId, epoch: reserved.epoch, host: reserved.host };
  const full = await acquirePermits(ports, fleet, tenure, needed);
  if (full !== null) {
    await undoPlace(ports, reserved, taskId);
    await passOn(ports, task, rules, full);
    return { outcome: "held_back", barrier: full };
  }
  const nowMs = ports.clock.nowMs();
  const waiting = assign(task, owner, nowMs);
  const written = await commitTask(ports, task, starts ? start(waiting, nowMs) : waiting);
  if (!written) {
    await undoPlace(ports, reserved, taskId);
    const now = await ports.record.tasks.get(fleet, taskId);
    if (now) await announceReady(ports, fleet, [now]); // A lost race may have left it queued, and nobody else has it.
    return { outcome: "not_ready" };
  }
  return confirm(ports, written, reserved);
}

/**
 * Whoever was let through a barrier and then needs no assignment any more, or is kept back at another one, leaves the
 * permit it was let through for unused: the next one may pass.
 *
 * @param keeps the barrier that keeps the task back now, if any
 */
async function passOn(ports: Ports, task: TaskRecord, rules: Rules, keeps?: Barrier): Promise<void> {
  for (const { id } of neededBy(rules, task)) if (id !== keeps) await letPass(ports, task.fleet, id);
}

async function reservePlace(
  ports: Ports,
  fleet: string,
  { task, session: sessionId, fence }: Tenure,
  {
    semaphores,
    leaving,
    read,
  }: { semaphores: readonly Barrier[]; leaving: Tenure | null; read?: SessionRecord },
): Promise<SessionRecord | "no_room" | "still_held"> {
  for (let i = 0; i < RESERVE_TRIES; i++) {
    const found = (i === 0 && read) || (await ports.record.sessions.get(fleet, sessionId));
    if (!found) return "no_room";
    const session = (leaving && withoutPlace(found, leaving)) ?? found;
    if (task in session.held) return "still_held";
    const next = reserve(session, session.epoch, task, fence, semaphores);
    if (!next) {
      await publishSession(ports, session); // The hint that led here was wrong.
      return "no_room";
    }
    const written = await ports.record.sessions.commit(session, next);
    if (written) return written;
  }
  return "no_room";
}

/** The second look: if the session was given up meanwhile, nobody else would requeue the task. */
export async function confirm(ports: Ports, task: TaskRecord, reserved: SessionRecord): Promise<Assignment> {
  const { fleet, id } = task;
  const session = await ports.record.sessions.get(fleet, reserved.id);
  const holds = session?.epoch === reserved.epoch && session.held[id] === task.fence;
  if (holds && isOwnedBy(task, session.id, session.epoch)) {
    await publishSession(ports, session);
    return { outcome: "assigned", task, session };
  }
  const loss = {
    cause: "moved",
    detail: "The session was given up during assignment.",
    backoffBaseMs: 0,
    uniform: 0,
  } as const;
  const undone = await changeTask(ports, fleet, id, (current) =>
    isOwnedBy(current, reserved.id, reserved.epoch)
      ? commit(requeue(current, loss, ports.clock.nowMs()))
      : { kind: "unchanged" },
  );
  await undoPlace(ports, reserved, id);
  if (isRefusal(undone) || !undone.changed) return { outcome: "not_ready" };
  if (isEnded(undone.document)) await runEndEffects(ports, undone.document);
  else await announceReady(ports, fleet, [undone.document]);
  return { outcome: "not_ready" };
}
