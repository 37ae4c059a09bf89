import { READY_QUEUE_LIMIT } from "../../contract/limits.ts";
import type { HeldBack } from "../../ports/held-back.ts";
import { parseHeldBackMember, toHeldBackMember } from "../upstash/members.ts";
import type { Losable } from "./losable.ts";
import { type SortedSet, createSortedSet } from "./sorted-set.ts";

/** Tasks held back, in this process. */
export function createMemoryHeldBack(): HeldBack & Losable {
  let barriers = new Map<string, SortedSet>();

  function setOf(fleet: string, barrier: string): SortedSet {
    const name = `${fleet}:${barrier}`;
    const set = barriers.get(name) ?? createSortedSet();
    barriers.set(name, set);
    return set;
  }
  const copies = (sets: Map<string, SortedSet>) =>
    new Map([...sets].map(([name, set]) => [name, set.copy()] as const));

  return {
    async put(fleet, barrier, tasks) {
      const set = setOf(fleet, barrier);
      for (const task of tasks) {
        const member = toHeldBackMember(task);
        set.set(member, Math.max(set.score(member) ?? task.order, task.order));
      }
      set.keepFirst(READY_QUEUE_LIMIT);
    },
    async first(fleet, barrier, limit) {
      return setOf(fleet, barrier)
        .first(limit)
        .flatMap(({ member, score }) => {
          const task = parseHeldBackMember(member);
          return task ? [{ ...task, order: score }] : [];
        });
    },
    async remove(fleet, barrier, tasks) {
      for (const task of tasks) setOf(fleet, barrier).remove(toHeldBackMember(task));
    },
    lose() {
      barriers.clear();
    },
    save() {
      const saved = copies(barriers);
      return () => {
        barriers = copies(saved);
      };
    },
  };
}
