import { serves } from "../../domain/ready-order.ts";
import { type Candidate, Desired, type Incarnation, type Registry, Reported } from "../../ports/registry.ts";
import { byLoad, loadWithRoom } from "../index-rules.ts";
import { parseDeadlineMember, toDeadlineMember } from "../upstash/members.ts";
import { deepFrozen } from "./deep-frozen.ts";
import { createMemoryInboxHints } from "./inbox-hints.ts";
import type { Losable } from "./losable.ts";
import { createSortedSet } from "./sorted-set.ts";

type Published = { readonly desired: Desired; readonly capabilities: readonly string[] };

/** The registry in this process. */
export function createMemoryRegistry(): Registry & Losable {
  let deadlines = createSortedSet();
  let published = new Map<string, Map<string, Published>>();
  let reports = new Map<string, Map<string, Reported>>();
  const inboxes = createMemoryInboxHints();

  const desiredOf = (fleet: string, session: string) => published.get(fleet)?.get(session)?.desired ?? null;
  const reportOf = (fleet: string, session: string) => reports.get(fleet)?.get(session) ?? null;

  return {
    inboxes,
    async beat(incarnations, deadlineMs) {
      let moved = 0;
      for (const incarnation of incarnations) {
        const member = toDeadlineMember(incarnation);
        const current = deadlines.score(member);
        if (current === null || current >= deadlineMs) continue;
        deadlines.set(member, deadlineMs);
        moved += 1;
      }
      return {
        moved,
        desired: incarnations.map(({ fleet, session }) => desiredOf(fleet, session)),
        reported: incarnations.map(({ fleet, session }) => reportOf(fleet, session)),
        inboxes: incarnations.map(({ fleet, session }) => inboxes.hintOf(fleet, session)),
      };
    },
    async deadlines(incarnations) {
      return incarnations.map((incarnation) => deadlines.score(toDeadlineMember(incarnation)));
    },
    async extend(incarnations, deadlineMs) {
      for (const incarnation of incarnations) {
        const member = toDeadlineMember(incarnation);
        deadlines.set(member, Math.max(deadlines.score(member) ?? deadlineMs, deadlineMs));
      }
    },
    async overdue(nowMs, limit) {
      return deadlines
        .first(limit, nowMs)
        .flatMap(({ member, score }): (Incarnation & { deadlineMs: number })[] => {
          const incarnation = parseDeadlineMember(member);
          return incarnation === null ? [] : [{ ...incarnation, deadlineMs: score }];
        });
    },
    async count() {
      return deadlines.size();
    },
    async forget(incarnations) {
      for (const incarnation of incarnations) deadlines.remove(toDeadlineMember(incarnation));
    },
    async report(fleet, session, reported) {
      ofFleet(reports, fleet).set(session, deepFrozen(Reported.parse(reported)));
    },
    async reported(fleet, sessions) {
      return sessions.map((session) => reportOf(fleet, session));
    },
    async publish(fleet, session, desired, capabilities) {
      const current = desiredOf(fleet, session);
      if (current !== null && current.rev >= desired.rev) return;
      ofFleet(published, fleet).set(session, {
        desired: deepFrozen(Desired.parse(desired)),
        capabilities: [...capabilities],
      });
    },
    async desired(fleet, sessions) {
      return sessions.map((session) => desiredOf(fleet, session));
    },
    async candidates(fleet, requires, limit) {
      const found: Candidate[] = [];
      for (const [session, { desired, capabilities }] of published.get(fleet) ?? []) {
        const load = loadWithRoom(desired);
        if (load !== null && serves(capabilities, requires)) found.push({ session, load });
      }
      return found.sort(byLoad).slice(0, limit);
    },
    lose() {
      deadlines = createSortedSet();
      published.clear();
      reports.clear();
      inboxes.lose();
    },
    save() {
      const saved = { deadlines: deadlines.copy(), published: copyOf(published), reports: copyOf(reports) };
      const restoreInboxes = inboxes.save();
      return () => {
        restoreInboxes();
        deadlines = saved.deadlines.copy();
        published = copyOf(saved.published);
        reports = copyOf(saved.reports);
      };
    },
  };
}

/** Its documents are frozen, so only the maps are copied. */
function copyOf<T>(fleets: Map<string, Map<string, T>>): Map<string, Map<string, T>> {
  return new Map([...fleets].map(([fleet, entries]) => [fleet, new Map(entries)]));
}

function ofFleet<T>(fleets: Map<string, Map<string, T>>, fleet: string): Map<string, T> {
  const existing = fleets.get(fleet);
  if (existing) return existing;
  const created = new Map<string, T>();
  fleets.set(fleet, created);
  return created;
}
