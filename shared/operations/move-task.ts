import type { SessionRecord } from "../contract/records.ts";
import type { PlannedMove } from "../domain/balance.ts";
import { reserve, semaphoresOf } from "../domain/session-transitions.ts";
import { reassign } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { type Assignment, confirm } from "./assign-task.ts";
import { commitTask } from "./commit-task.ts";
import { acquirePermits } from "./permits.ts";
import { releasePlace, undoPlace } from "./release-place.ts";

/**
 * Moves one waiting assignment as it was first made: reserve there, take its permits over, write the task, look again,
 * let go here. A function killed anywhere leaves it with one of the two, and a place too many that is settled later.
 */
export async function moveTask(
  ports: Ports,
  fleet: string,
  { task: taskId, from, to }: PlannedMove,
): Promise<Assignment> {
  const task = await ports.record.tasks.get(fleet, taskId);
  const source = await ports.record.sessions.get(fleet, from);
  if (task?.state !== "assigned" || task.owner.session !== from || !source) return { outcome: "not_ready" };
  const semaphores = semaphoresOf(source, taskId);
  const fence = task.fence + 1;
  const place = await reserveAt(ports, fleet, to, taskId, fence, semaphores);
  if (!place) return { outcome: "no_room" };
  // Limits do not matter: the permit is handed over, and without one there the task is no longer waiting there.
  const handedOver = semaphores.map((id) => ({ id, limit: 0 }));
  const barrier = await acquirePermits(ports, fleet, { task: taskId, session: to, fence }, handedOver, from);
  if (barrier !== null) {
    await undoPlace(ports, place, taskId);
    return { outcome: "held_back", barrier };
  }
  const owner = { session: to, epoch: place.epoch, host: place.host };
  const written = await commitTask(ports, task, reassign(task, owner, ports.clock.nowMs()));
  if (!written) {
    await undoPlace(ports, place, taskId);
    return { outcome: "not_ready" };
  }
  await releasePlace(ports, fleet, from, taskId, task.fence);
  return confirm(ports, written, place);
}

async function reserveAt(
  { record }: Ports,
  fleet: string,
  session: string,
  task: string,
  fence: number,
  semaphores: readonly string[],
): Promise<SessionRecord | null> {
  const target = await record.sessions.get(fleet, session);
  const reserved = target && reserve(target, target.epoch, task, fence, semaphores);
  return reserved ? record.sessions.commit(target, reserved) : null;
}
