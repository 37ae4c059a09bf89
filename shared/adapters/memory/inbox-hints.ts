import { ANNOUNCED_LOGS_LIMIT } from "../../contract/limits.ts";
import {
  type InboxHint,
  type InboxHints,
  OwnLog,
  Reading,
  type SharedLogs,
} from "../../ports/inbox-hints.ts";
import { type ByFleet, createByFleet } from "./by-fleet.ts";
import { deepFrozen } from "./deep-frozen.ts";
import type { Losable } from "./losable.ts";

/** Hints of messages in this process. */
export function createMemoryInboxHints(): InboxHints &
  Losable & { hintOf(fleet: string, session: string): InboxHint } {
  const own = createByFleet<OwnLog>();
  const readings = createByFleet<Reading>();
  let shared = new Map<string, SharedLogs>();
  const raise = <T extends { rev: number }>(known: ByFleet<T>, fleet: string, session: string, next: T) => {
    if ((known.get(fleet, session)?.rev ?? -1) < next.rev) known.set(fleet, session, deepFrozen(next));
  };

  const hintOf = (fleet: string, session: string): InboxHint => ({
    reading: readings.get(fleet, session),
    own: own.get(fleet, session),
    shared: shared.get(fleet) ?? {},
  });

  return {
    hintOf,
    async deliver(fleet, session, newest) {
      raise(own, fleet, session, OwnLog.parse(newest));
    },
    async place(fleet, session, reading) {
      raise(readings, fleet, session, Reading.parse(reading));
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
      const restores = [own.save(), readings.save()];
      const sharedThen = new Map(shared);
      return () => {
        for (const restore of restores) restore();
        shared = new Map(sharedThen);
      };
    },
  };
}
