import type { SessionRecord, TaskRecord } from "../../shared/contract/records.ts";
import type { Page } from "../../shared/ports/record.ts";
import { type PortCall } from "../fixtures/crash-points.ts";
import type { Weather } from "./faults.ts";

/** Longest time by which an index is behind. DynamoDB promises no bound; a second is already rare. */
const LAG_MS = 5_000;

type Entry = { readonly fleet: string; readonly id: string; sinceMs: number; leftMs: number };

/** The indexes of open tasks and live sessions as they were a while ago. */
export type Lag = {
  committed(document: TaskRecord | SessionRecord, kind: "task" | "session", nowMs: number): void;
  /** The stale answer to a call of a listing while listings lag, or null for calls that are answered truly. */
  listing(call: PortCall): Page<string> | null;
};

export function createLag(weather: Weather, nowMs: () => number): Lag {
  const entries = { task: new Map<string, Entry>(), session: new Map<string, Entry>() };

  function listed(kind: "task" | "session", fleet: string): Page<string> {
    const asOfMs = nowMs() - LAG_MS;
    const items = [...entries[kind].values()]
      .filter((entry) => entry.fleet === fleet && entry.sinceMs <= asOfMs && asOfMs < entry.leftMs)
      .map(({ id }) => id);
    return { items, cursor: null };
  }

  return {
    committed(document, kind, atMs) {
      const open =
        kind === "task"
          ? !("effectsPending" in document) || document.effectsPending
          : document.state !== "crashed" && document.state !== "ended";
      const key = `${document.fleet}#${document.id}`;
      const entry = entries[kind].get(key);
      if (open && (!entry || entry.leftMs < Infinity))
        entries[kind].set(key, { fleet: document.fleet, id: document.id, sinceMs: atMs, leftMs: Infinity });
      else if (!open && entry?.leftMs === Infinity) entry.leftMs = atMs;
    },
    listing({ path, args }) {
      if (weather.share("record.lagging") === 0) return null;
      const [fleet, second] = args as [string, string | null];
      if (path === "record.tasks.listOpen" && second === null) return listed("task", fleet);
      if (path === "record.sessions.list" && second === "live" && args[2] === null)
        return listed("session", fleet);
      return null;
    },
  };
}
