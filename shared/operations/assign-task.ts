import { isRefusal } from "../contract/errors.ts";
import type { OwnedTask, SessionRecord, TaskRecord } from "../contract/records.ts";
import { commit } from "../domain/decision.ts";
import { letGo, reserve } from "../domain/session-transitions.ts";
import { assign, isEnded, isOwnedBy, isReady, requeue, start } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { announceReady } from "./announce-ready.ts";
import { changeSession, changeTask } from "./change.ts";
import { publishSession } from "./publish-session.ts";
import { runEndEffects } from "./run-end-effects.ts";

/** Tries to reserve a place while others change the same session. */
const RESERVE_TRIES = 8;

export type Assignment =
  | { readonly outcome: "assigned"; readonly task: OwnedTask; readonly session: SessionRecord }
  /** The task is not ready: it ended, was taken, or must still wait. */
  | { readonly outcome: "not_ready" }
  /** The session cannot take it. */
  | { readonly outcome: "no_room" };

/**
 * Gives a ready task to a session: reserve in the session, write the task, look at the session once more. The
 * order keeps `held` a superset of what is owned, so that a reaper which empties `held` misses nothing:
 *
 *     reserve ── reaper takes held ── write task ── look: epoch has changed ── undo
 *     reserve ── write task ── reaper takes held (with the task in it) ── look: undo finds it requeued
 *
 * @param starts whether the session starts it at once, because it asked for work; else it waits to be claimed
 */
export async function assignTask(
  ports: Ports,
  fleet: string,
  taskId: string,
  sessionId: string,
  starts: boolean,
): Promise<Assignment> {
  const task = await ports.record.tasks.get(fleet, taskId);
  if (!task || !isReady(task, ports.clock.nowMs())) return { outcome: "not_ready" };
  const reserved = await reservePlace(ports, fleet, sessionId, taskId, task.fence + 1);
  if (!reserved) return { outcome: "no_room" };

  const owner = { session: sessionId, epoch: reserved.epoch, host: reserved.host };
  const waiting = assign(task, owner);
  const written = await ports.record.tasks.commit(
    task,
    starts ? start(waiting, ports.clock.nowMs()) : waiting,
  );
  if (!written) {
    await releasePlace(ports, fleet, sessionId, taskId, waiting.fence);
    const now = await ports.record.tasks.get(fleet, taskId);
    if (now) await announceReady(ports, fleet, [now]); // A lost race may have left it queued, and nobody else has it.
    return { outcome: "not_ready" };
  }
  return confirm(ports, written, reserved);
}

async function reservePlace(
  ports: Ports,
  fleet: string,
  sessionId: string,
  taskId: string,
  fence: number,
): Promise<SessionRecord | null> {
  for (let i = 0; i < RESERVE_TRIES; i++) {
    const session = await ports.record.sessions.get(fleet, sessionId);
    if (!session) return null;
    const next = reserve(session, session.epoch, taskId, fence);
    if (!next) {
      await publishSession(ports, session); // The hint that led here was wrong.
      return null;
    }
    const written = await ports.record.sessions.commit(session, next);
    if (written) return written;
  }
  return null;
}

/** Gives up a reservation of this tenure. */
export async function releasePlace(
  ports: Ports,
  fleet: string,
  sessionId: string,
  taskId: string,
  fence: number,
): Promise<void> {
  await changeSession(ports, fleet, sessionId, (session) => letGo(session, taskId, fence));
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
  await releasePlace(ports, fleet, reserved.id, id, task.fence);
  if (isRefusal(undone) || !undone.changed) return { outcome: "not_ready" };
  if (isEnded(undone.document)) await runEndEffects(ports, undone.document);
  else await announceReady(ports, fleet, [undone.document]);
  return { outcome: "not_ready" };
}
