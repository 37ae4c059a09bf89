import { isRefusal } from "../contract/errors.ts";
import type { SessionRecord, TaskRecord } from "../contract/records.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { isAlive, mustStop } from "../domain/session-transitions.ts";
import { isSettledBy } from "../domain/task-settlement.ts";
import { isEnded, isOwnedBy, voidReservation } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { changeSession, changeTask } from "./change.ts";
import { profileOf } from "./fleet-of.ts";
import { releasePlace } from "./release-place.ts";
import { runEndEffects } from "./run-end-effects.ts";
import { takeDropped } from "./take-dropped.ts";

/**
 * Lets a live session go of what it holds without owning it: tasks that ended or went elsewhere, reservations
 * that never became assignments, and tasks it was told to stop and does not report any more. What was taken from
 * it and what it still reports it is told to stop, for whoever took it may have died before saying so. What it
 * started long ago and does not list among its work, though it lists its work, is taken from it.
 *
 * @returns whether tasks remain that it must still stop
 */
export async function settleSession(ports: Ports, fleet: string, id: string): Promise<boolean> {
  const session = await ports.record.sessions.get(fleet, id);
  if (!session || !isAlive(session)) return false;
  const tasks = new Map(
    (await ports.record.tasks.getMany(fleet, Object.keys(session.held))).map((task) => [task.id, task]),
  );
  const [report] = await ports.registry.reported(fleet, [id]);
  const reported = report?.epoch === session.epoch ? report.tasks : {};
  const { intervalMs, timeoutMs } = await profileOf(ports, fleet);
  const graceMs = 2 * intervalMs;
  const lists = report?.epoch === session.epoch && report.listed === true;
  let stopping = false;
  for (const [taskId, fence] of Object.entries(session.held)) {
    const task = tasks.get(taskId) ?? null;
    if (task && isOwnedBy(task, id, session.epoch) && task.fence === fence) {
      const late = task.state === "running" && task.startedAtMs + timeoutMs < ports.clock.nowMs();
      if (lists && late && reported[taskId]?.fence !== fence) await takeDropped(ports, task);
      continue;
    }
    const sinceMs = session.stopping[taskId];
    const settled = task !== null && isSettledBy(task, { session: id, epoch: session.epoch, fence });
    if (sinceMs === undefined && !settled && reported[taskId]?.fence === fence) {
      await changeSession(ports, fleet, id, (current) => mustStop(current, taskId, ports.clock.nowMs()));
      stopping = true;
      continue;
    }
    const busy = sinceMs !== undefined && (taskId in reported || ports.clock.nowMs() < sinceMs + graceMs);
    stopping ||= busy;
    if (!busy) await letGoOf(ports, session, taskId, fence, task);
  }
  return stopping;
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
  if (task?.state === "queued" && task.fence < fence) {
    const voided = await changeTask(ports, fleet, taskId, (current) =>
      current.state === "queued" && current.fence < fence
        ? commit(voidReservation(current, fence))
        : UNCHANGED,
    );
    if (isRefusal(voided) || !voided.changed) return;
  }
  await releasePlace(ports, fleet, id, taskId, fence);
}
