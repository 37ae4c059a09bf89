import assert from "node:assert/strict";
import type { Page } from "../../ports/record.ts";

/**
 * Named lists of members in the order in which they entered. A page continues after a place, not after a
 * member, so members may leave meanwhile.
 */
export function createMemoryListing() {
  const lists = new Map<string, Map<string, number>>();
  let places = 0;

  return {
    /** Puts a member at the list's end; one that is there keeps its place. */
    enter(list: string, member: string): void {
      const members = lists.get(list) ?? new Map<string, number>();
      lists.set(list, members);
      if (!members.has(member)) members.set(member, ++places);
    },
    leave(list: string, member: string): void {
      lists.get(list)?.delete(member);
    },
    has: (list: string, member: string): boolean => lists.get(list)?.has(member) ?? false,
    page(list: string, cursor: string | null, limit: number): Page<string> {
      const from = cursor === null ? 0 : Number(cursor);
      assert(
        Number.isSafeInteger(from) && limit >= 1,
        `no such page: cursor ${String(cursor)}, limit ${limit}`,
      );
      const items: string[] = [];
      let last = from;
      for (const [member, place] of lists.get(list) ?? []) {
        if (place <= from) continue;
        if (items.length === limit) return { items, cursor: String(last) };
        items.push(member);
        last = place;
      }
      return { items, cursor: null };
    },
  };
}
