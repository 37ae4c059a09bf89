import type { TaskRecord } from "../contract/records.ts";
import { isReady, isEnded } from "../domain/task-transitions.ts";
import { toReadyTask } from "../domain/ready-order.ts";
import type { Ports } from "../ports/ports.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";
import { profileOf } from "./fleet-of.ts";

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
  const { ageingStepMs } = await profileOf(ports, fleet);
  const ready = queued.filter((task) => isReady(task, nowMs));
  try {
    if (ready.length > 0) {
      await ports.workQueue.add(
        fleet,
        ready.map((task) => toReadyTask(task, ageingStepMs)),
      );
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

/** Takes tasks that need no assignment any more out of the ready queue. */
export async function withdrawReady({ workQueue, log }: Ports, task: TaskRecord): Promise<void> {
  if (!isEnded(task)) return;
  try {
    await workQueue.remove(task.fleet, { taskId: task.id, requires: task.requires });
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    log.warn("ended task left in the ready queue; whoever takes it drops it", {
      fleet: task.fleet,
      task: task.id,
    });
  }
}
