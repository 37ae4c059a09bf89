import type { ReadyEvent } from "../contract/events.ts";
import { isReady } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { placeReady } from "./place-ready.ts";
import { fillFleet } from "./take-ready.ts";

/** Assignments one event may lead to; more is left to the next event, claim or tick. */
const FILL_LIMIT = 200;

/**
 * Handles the hint that tasks may be ready: puts those that had to wait into the ready queue, sends those that must still
 * wait back as a later hint, and hands out what fits. What was ready from its start was put there before the hint was
 * sent; to put it there again would cost four commands and might leave a taken task's entry behind. If Redis lost it
 * in between, the repair finds it, like all that Redis loses.
 */
export async function dispatchReady(ports: Ports, { fleet, taskIds }: ReadyEvent): Promise<void> {
  const nowMs = ports.clock.nowMs();
  const queued = (await ports.record.tasks.getMany(fleet, taskIds)).filter((task) => task.state === "queued");
  const ready = queued.filter((task) => isReady(task, nowMs));
  await placeReady(
    ports,
    fleet,
    ready.filter(({ notBeforeMs, createdAtMs }) => notBeforeMs !== createdAtMs),
  );
  for (const task of queued)
    if (task.notBeforeMs > nowMs) await ports.events.tasksReady(fleet, [task.id], task.notBeforeMs - nowMs);
  await fillFleet(ports, fleet, FILL_LIMIT);
}
