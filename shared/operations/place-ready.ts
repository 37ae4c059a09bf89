import { PROFILES } from "../contract/profile.ts";
import type { TaskIn } from "../contract/records.ts";
import type { Rules } from "../contract/rules.ts";
import { toReadyTask } from "../domain/ready-order.ts";
import { type Barrier, neededBy, pauseOf } from "../domain/rules.ts";
import { permitsGiven } from "../domain/semaphore.ts";
import type { Ports } from "../ports/ports.ts";
import { fleetOf, rulesIn } from "./fleet-of.ts";
import { letPass } from "./let-through.ts";

/**
 * Puts tasks that the record has ready where they belong in Redis: into the ready queue, or to the barrier that keeps
 * each back. Of those with one key only as many go to the queue as there are permits: the others would be taken in
 * vain, one by one. A barrier that was closed is looked at again afterwards: whoever opens it in between either finds
 * them there, or is noticed here.
 *
 * @returns the closed barriers
 */
export async function placeReady(
  ports: Ports,
  fleet: string,
  tasks: readonly TaskIn<"queued">[],
): Promise<Barrier[]> {
  if (tasks.length === 0) return [];
  const settings = await fleetOf(ports, fleet);
  const { ageingStepMs } = PROFILES[settings.profile];
  const rules = rulesIn(settings);
  const free = await freePermits(ports, fleet, tasks, rules);
  const byBarrier = Map.groupBy(
    tasks,
    (task) => pauseOf(rules, task) ?? neededBy(rules, task).find(({ id }) => free.get(id) === 0)?.id ?? null,
  );
  const open = byBarrier.get(null) ?? [];
  const closed = [...byBarrier].flatMap(([barrier, waiting]) =>
    barrier === null ? [] : [{ barrier, waiting }],
  );

  const ready = open.map((task) => ({ key: task.key, ...toReadyTask(task, ageingStepMs) }));
  const [first, behind] = firstOfKeys(ready, free);
  if (first.length > 0) await ports.workQueue.add(fleet, first);
  for (const [barrier, waiting] of behind) await ports.heldBack.put(fleet, barrier, waiting);
  for (const { barrier, waiting } of closed)
    await ports.heldBack.put(
      fleet,
      barrier,
      waiting.map((task) => toReadyTask(task, ageingStepMs)),
    );
  for (const { barrier } of closed) await letPass(ports, fleet, barrier);
  return closed.map(({ barrier }) => barrier);
}

/** Permits left of each semaphore that any of these tasks needs. */
async function freePermits(
  { record }: Ports,
  fleet: string,
  tasks: readonly TaskIn<"queued">[],
  rules: Rules,
): Promise<Map<Barrier, number>> {
  const free = new Map(
    tasks.flatMap((task) => neededBy(rules, task).map(({ id, limit }) => [id, limit] as const)),
  );
  if (free.size === 0) return free;
  for (const semaphore of await record.semaphores.getMany(fleet, [...free.keys()]))
    free.set(semaphore.id, Math.max(0, (free.get(semaphore.id) ?? 0) - permitsGiven(semaphore)));
  return free;
}

type Keyed = ReturnType<typeof toReadyTask> & { readonly key: string | null };

/**
 * Which tasks go to the queue, and which wait behind others of their key that do. Each set of requirements has its own
 * first: whoever may take the first of the key may not be able to take what requires something else.
 */
function firstOfKeys(
  ready: readonly Keyed[],
  free: ReadonlyMap<Barrier, number>,
): [first: Keyed[], behind: Map<Barrier, Keyed[]>] {
  const first: Keyed[] = [];
  const behind = new Map<Barrier, Keyed[]>();
  const admitted = new Map<string, number>();
  for (const task of ready.toSorted((a, b) => a.order - b.order)) {
    const barrier = `key:${task.key ?? ""}`;
    const line = `${barrier} ${task.requires.join()}`;
    const before = admitted.get(line) ?? 0;
    if (task.key === null || before < (free.get(barrier) ?? 0)) first.push(task);
    else behind.set(barrier, [...(behind.get(barrier) ?? []), task]);
    admitted.set(line, before + 1);
  }
  return [first, behind];
}
