import { READY_QUEUE_LIMIT } from "../contract/limits.ts";
import { type Barrier, type Needed, isPausedAt, permitsAt } from "../domain/rules.ts";
import { permitsGiven } from "../domain/semaphore.ts";
import type { Ports } from "../ports/ports.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";
import type { ReadyTask } from "../ports/work-queue.ts";
import { rulesOf } from "./fleet-of.ts";

/** Tasks that pass a barrier in one step. */
const PASS_LIMIT = 500;

/** Tasks looked at to find the first of each set of requirements. */
const LOOK = 50;

/** Which of these semaphores have no permit left. */
export async function fullAmong(
  { record }: Pick<Ports, "record">,
  fleet: string,
  needed: readonly Needed[],
): Promise<Set<Barrier>> {
  if (needed.length === 0) return new Set();
  const limits = new Map(needed.map(({ id, limit }) => [id, limit]));
  const semaphores = await record.semaphores.getMany(fleet, [...limits.keys()]);
  const full = semaphores.filter((semaphore) => permitsGiven(semaphore) >= (limits.get(semaphore.id) ?? 0));
  return new Set(full.map(({ id }) => id));
}

/**
 * Sets a taken task aside until its barrier opens. It is put there first and looked at afterwards: whoever opens the
 * barrier in between finds it there, or it is seen to be open here.
 */
export async function holdBack(
  ports: Ports,
  fleet: string,
  task: ReadyTask,
  barrier: Barrier,
): Promise<void> {
  await ports.heldBack.put(fleet, barrier, [task]);
  await letPass(ports, fleet, barrier);
}

/** Lets as many tasks through a barrier as may pass now; none if it is closed. */
export async function letPass(ports: Ports, fleet: string, barrier: Barrier): Promise<void> {
  const rules = await rulesOf(ports, fleet);
  if (isPausedAt(rules, barrier)) return;
  const limit = permitsAt(rules, barrier);
  const given = limit === null ? 0 : permitsGiven(await ports.record.semaphores.get(fleet, barrier));
  const free = (limit ?? PASS_LIMIT) - given;
  if (free > 0) await letThrough(ports, fleet, barrier, free);
}

/**
 * Lets the first tasks that wait at a barrier into the ready queue: so many of each set of requirements, for whoever can
 * take the first may not be able to take what requires something else. They leave here before they are added there: the
 * barrier may close again at once, and who takes them then holds them back, here. What a function killed in between
 * leaves in neither, the repair puts where it belongs.
 *
 * @returns how many
 */
export async function letThrough(
  ports: Ports,
  fleet: string,
  barrier: Barrier,
  limit: number,
): Promise<number> {
  try {
    const tasks = firstOfEach(await ports.heldBack.first(fleet, barrier, Math.max(limit, LOOK)), limit);
    if (tasks.length === 0) return 0;
    await ports.heldBack.remove(fleet, barrier, tasks);
    await ports.workQueue.add(fleet, tasks);
    await ports.events.tasksReady(
      fleet,
      tasks.slice(0, 1).map(({ taskId }) => taskId),
    );
    return tasks.length;
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    ports.log.warn("tasks not let through; the repair will", { fleet, barrier, store: error.store });
    return 0;
  }
}

function firstOfEach(tasks: readonly ReadyTask[], limit: number): ReadyTask[] {
  const sets = Map.groupBy(tasks, ({ requires }) => requires.join());
  return [...sets.values()].flatMap((ofSet) => ofSet.slice(0, limit));
}

/** Lets everything through that waits at a barrier. What Redis does not hold, the repair finds. */
export async function letAllThrough(ports: Ports, fleet: string, barrier: Barrier): Promise<void> {
  for (let passed = 0; passed < READY_QUEUE_LIMIT; passed += PASS_LIMIT)
    if ((await letThrough(ports, fleet, barrier, PASS_LIMIT)) < PASS_LIMIT) return;
}
