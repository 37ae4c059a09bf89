import type { TaskIn } from "../contract/records.ts";
import { type Barrier, neededBy, pauseOf } from "../domain/rules.ts";
import { toReadyTask } from "../domain/ready-order.ts";
import type { Ports } from "../ports/ports.ts";
import { profileOf, rulesOf } from "./fleet-of.ts";
import { fullAmong } from "./let-through.ts";
import { verifyPermits } from "./permits.ts";

/**
 * Puts tasks that the record has ready where they belong in Redis: into the ready queue, or to the barrier that keeps
 * each back. The permits of a semaphore that keeps any back are verified.
 */
export async function placeReady(
  ports: Ports,
  fleet: string,
  tasks: readonly TaskIn<"queued">[],
): Promise<void> {
  if (tasks.length === 0) return;
  const { ageingStepMs } = await profileOf(ports, fleet);
  const barriers = await barriersOf(ports, fleet, tasks);
  const places = Map.groupBy(tasks, ({ id }) => barriers.get(id) ?? null);
  for (const [barrier, waiting] of places) {
    const ready = waiting.map((task) => toReadyTask(task, ageingStepMs));
    if (barrier === null) await ports.workQueue.add(fleet, ready);
    else {
      await ports.heldBack.put(fleet, barrier, ready);
      await verifyPermits(ports, fleet, barrier);
    }
  }
}

/** What keeps each of these tasks back, by its id. */
async function barriersOf(
  ports: Ports,
  fleet: string,
  tasks: readonly TaskIn<"queued">[],
): Promise<Map<string, Barrier>> {
  const rules = await rulesOf(ports, fleet);
  const full = await fullAmong(
    ports,
    fleet,
    tasks.flatMap((task) => neededBy(rules, task)),
  );
  return new Map(
    tasks.flatMap((task): [string, Barrier][] => {
      const barrier = pauseOf(rules, task) ?? neededBy(rules, task).find(({ id }) => full.has(id))?.id;
      return barrier === undefined ? [] : [[task.id, barrier]];
    }),
  );
}
