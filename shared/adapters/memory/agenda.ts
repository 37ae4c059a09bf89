import type { Agenda, AgendaEntry } from "../../ports/agenda.ts";
import { parseAgendaMember, toAgendaMember } from "../upstash/members.ts";
import type { Losable } from "./losable.ts";
import { createSortedSet } from "./sorted-set.ts";

/** The agenda in this process. */
export function createMemoryAgenda(): Agenda & Losable & { stamped(): number | null } {
  let entries = createSortedSet();
  let stamp: number | null = null;

  return {
    async put(added, dueMs) {
      for (const entry of added) {
        const member = toAgendaMember(entry);
        entries.set(member, Math.min(entries.score(member) ?? dueMs, dueMs));
      }
    },
    async due(nowMs, limit) {
      return entries.first(limit, nowMs).flatMap(({ member }): AgendaEntry[] => {
        const entry = parseAgendaMember(member);
        return entry === null ? [] : [entry];
      });
    },
    async done(finished) {
      for (const entry of finished) entries.remove(toAgendaMember(entry));
    },
    async has(entry) {
      return entries.score(toAgendaMember(entry)) !== null;
    },
    async count() {
      return entries.size();
    },
    stamped: () => stamp,
    async stamp() {
      return stamp;
    },
    async setStamp(nowMs) {
      stamp = Math.max(stamp ?? nowMs, nowMs);
    },
    async raiseStamp(nowMs, foundMs, previousMs) {
      if (stamp === null || (stamp !== foundMs && stamp <= previousMs)) return false;
      stamp = Math.max(stamp, nowMs);
      return true;
    },
    lose() {
      entries = createSortedSet();
      stamp = null;
    },
    save() {
      const saved = { entries: entries.copy(), stamp };
      return () => {
        entries = saved.entries.copy();
        ({ stamp } = saved);
      };
    },
  };
}
