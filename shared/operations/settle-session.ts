import { isRefusal } from "../contract/errors.ts";
import type { OwnedTask, SessionRecord, TaskIn, TaskRecord } from "../contract/records.ts";
import { type Decision, UNCHANGED, commit } from "../domain/decision.ts";
import { beatingOf } from "../domain/experiments/session-tuning.ts";
import { listsItsWork, ownedWork, seemsDropped } from "../domain/held-work.ts";
import {
  askReport,
  hearReport,
  isAlive,
  mustStop,
  noteListing,
  takeAway,
} from "../domain/session-transitions.ts";
import { isSettledBy } from "../domain/task-settlement.ts";
import { isEnded, voidReservation } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { changeSession, changeTask } from "./change.ts";
import { fleetOf } from "./fleet-of.ts";
import { heldWorkOf } from "./held-work-of.ts";
import { releasePlace } from "./release-place.ts";
import { runEndEffects } from "./run-end-effects.ts";
import { takeDropped } from "./take-dropped.ts";

/**
 * Lets a live session go of what it holds without owning it: tasks that ended or went elsewhere, reservations
 * that never became assignments, and tasks it was told to stop and does not report any more. What was taken from
 * it and what it still reports it is told to stop, for whoever took it may have died before saying so. What it
 * started long ago and does not list among its work, though it lists its work, is taken from it. Silence counts only
 * in a report that is known to be later than the question, because Redis may have fallen back to an earlier one.
 *
 * @returns whether to look again: tasks remain that it must still stop, or a report is awaited
 */
export async function settleSession(ports: Ports, fleet: string, id: string): Promise<boolean> {
  const session = await ports.record.sessions.get(fleet, id);
  if (!session || !isAlive(session)) return false;
  const [work] = await heldWorkOf(ports, fleet, [session]);
  if (!work) return false;
  const { report } = work;
  const graceMs = 2 * beatingOf(session, await fleetOf(ports, fleet)).intervalMs;
  if (listsItsWork(work)) await changeSession(ports, fleet, id, noteListing);
  const dropped: OwnedTask[] = [];
  let stopping = false;
  for (const [taskId, fence] of Object.entries(session.held)) {
    const owned = ownedWork(work, taskId, fence);
    if (owned) {
      if (seemsDropped(work, owned, ports.clock.nowMs())) dropped.push(owned);
      continue;
    }
    const task = work.tasks.get(taskId) ?? null;
    const sinceMs = session.stopping[taskId];
    const settled = task !== null && isSettledBy(task, { session: id, epoch: session.epoch, fence });
    if (sinceMs === undefined && !settled && report?.tasks[taskId]?.fence === fence) {
      await changeSession(ports, fleet, id, (current) => mustStop(current, taskId, ports.clock.nowMs()));
      stopping = true;
      continue;
    }
    const silent =
      !(taskId in (report?.tasks ?? {})) && (report?.answeredAtMs ?? 0) >= (sinceMs ?? 0) + graceMs;
    const busy = sinceMs !== undefined && !silent;
    stopping ||= busy;
    if (!busy) await letGoOf(ports, session, taskId, fence, task);
  }
  return (await settleDropped(ports, session, dropped, report?.answeredAtMs ?? 0, graceMs)) || stopping;
}

/**
 * Asks a session for a report before it believes that tasks were dropped, and takes them once it was answered so late
 * after the question that the answer of a claim made before it has come.
 *
 * @returns whether an answer is awaited
 */
async function settleDropped(
  ports: Ports,
  { fleet, id, askedAtMs = null }: SessionRecord,
  dropped: readonly OwnedTask[],
  answeredAtMs: number,
  graceMs: number,
): Promise<boolean> {
  const nowMs = ports.clock.nowMs();
  if (dropped.length === 0) {
    if (askedAtMs !== null) await changeSession(ports, fleet, id, hearReport);
    return false;
  }
  if (askedAtMs === null || answeredAtMs < askedAtMs + graceMs) {
    await changeSession(ports, fleet, id, (current) => askReport(current, nowMs));
    return true;
  }
  const ids = dropped.map((task) => task.id);
  const taken = await changeSession(ports, fleet, id, (current) => takeAway(current, askedAtMs, ids, nowMs));
  if (isRefusal(taken) || !taken.changed) return true;
  for (const task of dropped) await takeDropped(ports, task);
  return false;
}

async function letGoOf(
  ports: Ports,
  session: SessionRecord,
  taskId: string,
  fence: number,
  task: TaskRecord | null,
): Promise<void> {
  const { fleet, id } = session;
  if (task && isEnded(task)) await runEndEffects(ports, task);
  if (task && mayBeTaken(task, fence)) {
    const voided = await changeTask(ports, fleet, taskId, (current) => voidPlace(current, fence));
    if (isRefusal(voided) || !voided.changed) return;
  }
  await releasePlace(ports, fleet, id, taskId, fence);
}

/** Whether a place reserved for this fence may still become an assignment of the task, or a move of one that waits. */
function mayBeTaken(task: TaskRecord, fence: number): task is TaskIn<"queued" | "assigned"> {
  return (task.state === "queued" || task.state === "assigned") && task.fence < fence;
}

/**
 * Sees to it that it never does. Whoever moves what waits elsewhere replaces the task as it was: so it is enough that it
 * is another.
 */
function voidPlace(task: TaskRecord, fence: number): Decision<TaskRecord> {
  if (!mayBeTaken(task, fence)) return UNCHANGED;
  return commit(task.state === "queued" ? voidReservation(task, fence) : { ...task });
}
