import { isReady } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import type { Take } from "../ports/work-queue.ts";
import { placeReady } from "./place-ready.ts";

type LeftTake = { readonly fleet: string; readonly take: Take };

/**
 * Ends takes of ready tasks that whoever took them left behind. What is still ready goes where the record has it, not
 * where it was: it may have been given out, have come back and have its turn much later since.
 */
export async function returnTakes(ports: Ports, left: readonly LeftTake[]): Promise<void> {
  for (const [fleet, takes] of Map.groupBy(left, (one) => one.fleet)) {
    const ids = new Set(takes.map(({ take }) => take.taskId));
    const tasks = await ports.record.tasks.getMany(fleet, [...ids]);
    const ready = tasks.filter((task) => isReady(task, ports.clock.nowMs()));
    await placeReady(ports, fleet, ready);
    for (const { take } of takes) await ports.workQueue.settle(fleet, take);
  }
}
