import type { TaskRecord } from "../contract/records.ts";
import { demandsOf } from "../domain/placement.ts";
import { isReady } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";
import { letPass } from "./let-through.ts";
import { placeReady } from "./place-ready.ts";

/**
 * Tells whoever hands out work that these tasks are queued: those that are ready go to the ready queue and to
 * dispatch, those that must wait come back as a delayed event. The record has them queued already, so a failure
 * here costs time, never work: the repair finds them.
 */
export async function announceReady(
  ports: Ports,
  fleet: string,
  tasks: readonly TaskRecord[],
): Promise<void> {
  const nowMs = ports.clock.nowMs();
  const queued = tasks.filter((task) => task.state === "queued");
  if (queued.length === 0) return;
  const ready = queued.filter((task) => isReady(task, nowMs));
  try {
    if (ready.length > 0) {
      await placeReady(ports, fleet, ready);
      await ports.events.tasksReady(
        fleet,
        ready.map(({ id }) => id),
      );
    }
    for (const task of queued) {
      if (task.notBeforeMs > nowMs) await ports.events.tasksReady(fleet, [task.id], task.notBeforeMs - nowMs);
    }
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    ports.log.warn("ready tasks not announced; the repair will", {
      fleet,
      tasks: queued.length,
      store: error.store,
    });
  }
}

/**
 * Takes a task that was cancelled while it waited out of the ready queue. If it was the first of its key there, the next
 * may pass; one that was held by a session lets others pass when that lets go. What was held had left the queue, and
 * an entry that a late hint put there again is dropped by whoever takes it.
 */
export async function withdrawReady(ports: Ports, task: TaskRecord): Promise<void> {
  if (task.state !== "cancelled" || task.lastHolder !== null) return;
  const { fleet, id, key } = task;
  try {
    await ports.workQueue.remove(fleet, { taskId: id, requires: demandsOf(task) });
    if (key !== null) await letPass(ports, fleet, `key:${key}`);
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    ports.log.warn("ended task left in the ready queue; whoever takes it drops it", {
      fleet,
      task: id,
    });
  }
}
