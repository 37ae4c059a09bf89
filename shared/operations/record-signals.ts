import type { AgendaEntry } from "../ports/agenda.ts";
import type { Ports } from "../ports/ports.ts";
import { apart } from "./apart.ts";
import { sideBySide } from "./side-by-side.ts";

export type SignalsEntry = Extract<AgendaEntry, { kind: "signals" | "zone" }>;

export function isOfSignals(entry: AgendaEntry): entry is SignalsEntry {
  return entry.kind === "signals" || entry.kind === "zone";
}

/**
 * Writes down what beats left of signals: minutes of hosts, and changes of zone. A minute that Redis has lost is lost. One that
 * breaks harms no other and is not tried again: the next minute tells as much.
 */
export async function recordSignals(ports: Ports, entries: readonly SignalsEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const { record, registry, agenda } = ports;
  const places = entries.flatMap((entry) => (entry.kind === "signals" ? [entry] : []));
  const minutes = (await registry.signals(places)).flatMap((minute) => minute ?? []);
  await sideBySide(minutes, (minute) =>
    apart(ports, { host: minute.host, minute: minute.minute }, () => record.signals.putMinute(minute)),
  );
  const zones = entries.flatMap((entry) => (entry.kind === "zone" ? [entry] : []));
  await sideBySide(zones, ({ fleet, session, zone, atMs }) =>
    apart(ports, { fleet, session }, () => record.signals.putZone({ v: 1, fleet, session, zone, atMs })),
  );
  await agenda.done(entries);
}
