import { SignalsMinute, ZoneChange } from "../../contract/signals.ts";
import type { SignalStore } from "../../ports/record.ts";
import { deepFrozen } from "./deep-frozen.ts";

/** History of signals: of each host its minutes, of each session its changes of zone. */
export function createMemorySignals(): SignalStore {
  const minutes = new Map<string, Map<number, SignalsMinute>>();
  const zones = new Map<string, Map<number, ZoneChange>>();
  return {
    async putMinute(minute) {
      const { fleet, host } = minute;
      put(minutes, `${fleet}#${host}`, minute.minute, SignalsMinute.parse(minute));
    },
    async putZone(change) {
      put(zones, `${change.fleet}#${change.session}`, change.atMs, ZoneChange.parse(change));
    },
    minutes: async (fleet, host, from, to, limit) => range(minutes, `${fleet}#${host}`, from, to, limit),
    zones: async (fleet, session, afterMs, toMs, limit) =>
      range(zones, `${fleet}#${session}`, afterMs + 1, toMs, limit),
  };
}

type Listed<T> = Map<string, Map<number, T>>;

function put<T extends object>(lists: Listed<T>, name: string, at: number, value: T): void {
  lists.set(name, (lists.get(name) ?? new Map<number, T>()).set(at, deepFrozen(value)));
}

function range<T>(lists: Listed<T>, name: string, from: number, to: number, limit: number): T[] {
  return [...(lists.get(name) ?? [])]
    .filter(([at]) => at >= from && at <= to)
    .sort(([a], [b]) => a - b)
    .slice(0, limit)
    .map(([, value]) => value);
}
