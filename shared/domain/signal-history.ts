import type { SignalsPoint } from "../contract/checkpoint.ts";
import type { SignalsMinute, ZoneChange } from "../contract/signals.ts";
import { MINUTE_MS } from "./signals.ts";

/** What was read for one page: minutes of the session's host and its changes of zone, in order, and whether more follow. */
export type SignalsRead = {
  readonly minutes: readonly SignalsMinute[];
  readonly moreMinutes: boolean;
  readonly zones: readonly ZoneChange[];
  readonly moreZones: boolean;
};

/**
 * A page of a session's history, in order of time, after `afterMs` up to `toMs`. Of two lists that were each read up to some
 * time, only what is up to the earlier of these is known to be complete.
 *
 * @returns the points, and after when the next page begins; null at the end
 */
export function pageOfSignals(
  session: string,
  { afterMs, toMs, limit }: { readonly afterMs: number; readonly toMs: number; readonly limit: number },
  { minutes, moreMinutes, zones, moreZones }: SignalsRead,
): { readonly points: SignalsPoint[]; readonly afterMs: number | null } {
  const readToMs = Math.min(
    toMs,
    moreMinutes ? ((minutes.at(-1)?.minute ?? 0) + 1) * MINUTE_MS - 1 : toMs,
    moreZones ? (zones.at(-1)?.atMs ?? 0) : toMs,
  );
  const points = new Map<number, SignalsPoint>();
  for (const { atMs, zone } of zones) points.set(atMs, { at: toInstant(atMs), zone, signals: null });
  for (const minute of minutes) {
    const said = minute.sessions[session];
    // A beat that changes the zone is often the one whose signals the minute has: that is one point.
    if (said) points.set(said.atMs, { at: toInstant(said.atMs), zone: said.zone, signals: said.signals });
  }
  const inRange = [...points]
    .filter(([atMs]) => atMs > afterMs && atMs <= readToMs)
    .sort(([a], [b]) => a - b);
  const page = inRange.slice(0, limit);
  const last = page.at(-1)?.[0] ?? readToMs;
  const next = inRange.length > limit ? last : moreMinutes || moreZones ? readToMs : null;
  return { points: page.map(([, point]) => point), afterMs: next };
}

function toInstant(ms: number): string {
  return new Date(ms).toISOString();
}
