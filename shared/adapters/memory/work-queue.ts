import { READY_QUEUE_LIMIT } from "../../contract/limits.ts";
import type { ReadyTask, Take, WorkQueue } from "../../ports/work-queue.ts";
import { byOrder } from "../index-rules.ts";
import { parseTakeMember, parseWordSet, toTakeMember, toWordSet } from "../upstash/members.ts";
import type { Losable } from "./losable.ts";
import { type SortedSet, createSortedSet } from "./sorted-set.ts";

/** The ready queues in this process. */
export function createMemoryWorkQueue(): WorkQueue & Losable {
  let fleets = new Map<string, Map<string, SortedSet>>();
  let taken = new Map<string, Take>();
  let takes = createSortedSet();

  function queueOf(fleet: string, requires: readonly string[]): SortedSet {
    const queues = fleets.get(fleet) ?? new Map<string, SortedSet>();
    fleets.set(fleet, queues);
    const set = toWordSet(requires);
    const queue = queues.get(set) ?? createSortedSet();
    queues.set(set, queue);
    return queue;
  }

  function enqueue(fleet: string, task: ReadyTask): void {
    const queue = queueOf(fleet, task.requires);
    queue.set(task.taskId, Math.max(queue.score(task.taskId) ?? task.order, task.order));
  }

  /** The first task of each of these queues, the first of all in front. */
  function firsts(fleet: string, sets: Iterable<string>): ReadyTask[] {
    const found: ReadyTask[] = [];
    for (const set of new Set(sets)) {
      const head = fleets.get(fleet)?.get(set)?.first(1)[0];
      if (head) found.push({ taskId: head.member, requires: parseWordSet(set), order: head.score });
    }
    return found.sort(byOrder);
  }

  function drop({ id }: Take): Take | undefined {
    const task = taken.get(id);
    taken.delete(id);
    takes.remove(id);
    return task;
  }

  return {
    async add(fleet, tasks) {
      for (const task of tasks) enqueue(fleet, task);
      for (const task of tasks) queueOf(fleet, task.requires).keepFirst(READY_QUEUE_LIMIT);
    },
    async heads(fleet) {
      return firsts(fleet, fleets.get(fleet)?.keys() ?? []);
    },
    async requirements(fleet) {
      return firsts(fleet, fleets.get(fleet)?.keys() ?? []).map(({ requires }) => requires);
    },
    async take(fleet, requiring, requestId, untilMs) {
      const task = firsts(fleet, requiring.map(toWordSet))[0];
      if (!task) return null;
      queueOf(fleet, task.requires).remove(task.taskId);
      const take = { id: toTakeMember(fleet, requestId, task), ...task };
      taken.set(take.id, take);
      takes.set(take.id, untilMs);
      return take;
    },
    async settle(_fleet, take) {
      drop(take);
    },
    async putBack(fleet, take) {
      const task = drop(take);
      if (task && queueOf(fleet, task.requires).score(task.taskId) === null) enqueue(fleet, task);
    },
    async expired(nowMs, limit) {
      return takes.first(limit, nowMs).flatMap(({ member }) => parseTakeMember(member) ?? []);
    },
    async remove(fleet, task) {
      queueOf(fleet, task.requires).remove(task.taskId);
    },
    async waitingFleets() {
      const waiting = [...fleets].filter(([, queues]) =>
        [...queues.values()].some((queue) => queue.size() > 0),
      );
      return waiting.map(([fleet]) => fleet).sort();
    },
    lose() {
      fleets.clear();
      taken.clear();
      takes = createSortedSet();
    },
    save() {
      const saved = { fleets: copyOf(fleets), taken: new Map(taken), takes: takes.copy() };
      return () => {
        fleets = copyOf(saved.fleets);
        taken = new Map(saved.taken);
        takes = saved.takes.copy();
      };
    },
  };
}

function copyOf(fleets: Map<string, Map<string, SortedSet>>): Map<string, Map<string, SortedSet>> {
  const copies = (queues: Map<string, SortedSet>) =>
    [...queues].map(([set, queue]) => [set, queue.copy()] as const);
  return new Map([...fleets].map(([fleet, queues]) => [fleet, new Map(copies(queues))]));
}
