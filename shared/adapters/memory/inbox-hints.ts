import { ANNOUNCED_LOGS_LIMIT } from "../../contract/limits.ts";
import {
  type InboxHint,
  type InboxHints,
  OwnLog,
  Reading,
  type SharedLogs,
} from "../../ports/inbox-hints.ts";
import { deepFrozen } from "./deep-frozen.ts";
import type { Losable } from "./losable.ts";

/** Hints of messages in this process. */
export function createMemoryInboxHints(): InboxHints &
  Losable & { hintOf(fleet: string, session: string): InboxHint } {
  let own = new Map<string, OwnLog>();
  let readings = new Map<string, Reading>();
  let shared = new Map<string, SharedLogs>();
  const place = (fleet: string, session: string) => `${fleet}:${session}`;
  const raise = <T extends { rev: number }>(documents: Map<string, T>, key: string, next: T) => {
    if ((documents.get(key)?.rev ?? -1) < next.rev) documents.set(key, deepFrozen(next));
  };

  const hintOf = (fleet: string, session: string): InboxHint => ({
    reading: readings.get(place(fleet, session)) ?? null,
    own: own.get(place(fleet, session)) ?? null,
    shared: shared.get(fleet) ?? {},
  });

  return {
    hintOf,
    async deliver(fleet, session, newest) {
      raise(own, place(fleet, session), OwnLog.parse(newest));
    },
    async place(fleet, session, reading) {
      raise(readings, place(fleet, session), Reading.parse(reading));
    },
    async announce(fleet, log, { number, expiresAtMs }, nowMs) {
      const known = shared.get(fleet) ?? {};
      if ((known[log]?.[0] ?? -1) >= number) return;
      const others = Object.entries(known)
        .filter(([name, [, untilMs]]) => name !== log && untilMs > nowMs)
        .sort(([a, [, aMs]], [b, [, bMs]]) => bMs - aMs || (a < b ? 1 : -1))
        .slice(0, ANNOUNCED_LOGS_LIMIT - 1);
      shared.set(fleet, deepFrozen(Object.fromEntries([...others, [log, [number, expiresAtMs] as const]])));
    },
    async read(fleet, sessions) {
      return sessions.map((session) => hintOf(fleet, session));
    },
    lose() {
      own.clear();
      readings.clear();
      shared.clear();
    },
    save() {
      const [ownThen, readingsThen, sharedThen] = [new Map(own), new Map(readings), new Map(shared)];
      return () => {
        own = new Map(ownThen);
        readings = new Map(readingsThen);
        shared = new Map(sharedThen);
      };
    },
  };
}
