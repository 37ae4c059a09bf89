import type { SessionBeat } from "../contract/heartbeat.ts";
import type { SignalsMinute } from "../contract/signals.ts";
import { MINUTE_MS, minuteOf, withSignals } from "../domain/signals.ts";
import { spread } from "../domain/spread.ts";
import type { HostClaims } from "../domain/tokens.ts";
import type { BeatPorts } from "../ports/ports.ts";
import type { HostMinute } from "../ports/registry.ts";

/** Hosts' minutes end all at once; they are written down within so long after that, each host at its own time. */
const WRITTEN_WITHIN_MS = 30_000;

/** The minute that a beat's signals are of; null if it brings none, and so has nothing to ask. */
export function minuteOfBeat(
  { fleet, host }: HostClaims,
  sessions: readonly SessionBeat[],
  nowMs: number,
): HostMinute | null {
  return sessions.some(({ signals }) => signals) ? { fleet, host, minute: minuteOf(nowMs) } : null;
}

/**
 * Keeps signals for the history: of each session once a minute, whatever it sends, for all sessions of a host in one document.
 * The first of a minute has the sweep write it down when the minute is over.
 *
 * @param found what is known of the minute
 */
export async function keepSignals(
  { registry, agenda }: BeatPorts,
  place: HostMinute,
  found: SignalsMinute | null,
  sessions: readonly SessionBeat[],
  nowMs: number,
): Promise<void> {
  const said = sessions.flatMap(({ id, epoch, signals }) => (signals ? [{ id, epoch, signals }] : []));
  const minute = withSignals(place, found, said, nowMs);
  if (!minute) return;
  const dueMs = (place.minute + 1) * MINUTE_MS + spread(WRITTEN_WITHIN_MS, place.host);
  const entry = { kind: "signals", ...place } as const;
  await Promise.all([registry.keepSignals(minute), found ? null : agenda.put([entry], dueMs)]);
}
