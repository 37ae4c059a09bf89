import type { SignalsPoint } from "../contract/checkpoint.ts";
import { PAGE_LIMIT, SIGNALS_KEPT_MS } from "../contract/limits.ts";
import type { SessionRecord } from "../contract/records.ts";
import { pageOfSignals } from "../domain/signal-history.ts";
import { minuteOf } from "../domain/signals.ts";
import type { Ports } from "../ports/ports.ts";

/** Without a beginning, a listing begins so long before its end. */
const RANGE_MS_DEFAULT = 3_600_000;

/** Times as ISO 8601 writes them. */
type Range = { readonly from: string | null; readonly to: string | null };
type Place = { readonly afterMs: number; readonly toMs: number };

/**
 * A page of what a session said of its health, in order of time: once a minute on the host where it is, or was last, and each
 * change of its zone. A page may be short though more follows.
 */
export async function listSignals(
  ports: Ports,
  session: SessionRecord,
  range: Range,
  cursor: string | null,
): Promise<{ signals: SignalsPoint[]; cursor: string | null }> {
  const nowMs = ports.clock.nowMs();
  const { afterMs, toMs } = cursor === null ? placeOf(range, nowMs) : (JSON.parse(cursor) as Place);
  if (afterMs >= toMs) return { signals: [], cursor: null };
  const { fleet, id, host } = session;
  const { signals } = ports.record;
  const [minutes, zones] = await Promise.all([
    signals.minutes(fleet, host, minuteOf(afterMs + 1), minuteOf(toMs), PAGE_LIMIT),
    signals.zones(fleet, id, afterMs, toMs, PAGE_LIMIT),
  ]);
  const page = pageOfSignals(
    id,
    { afterMs, toMs, limit: PAGE_LIMIT },
    { minutes, moreMinutes: minutes.length >= PAGE_LIMIT, zones, moreZones: zones.length >= PAGE_LIMIT },
  );
  const next: Place | null = page.afterMs === null ? null : { afterMs: page.afterMs, toMs };
  return { signals: page.points, cursor: next && JSON.stringify(next) };
}

function placeOf({ from, to }: Range, nowMs: number): Place {
  const endMs = to === null ? nowMs : Math.min(Date.parse(to), nowMs);
  const wantedMs = from === null ? endMs - RANGE_MS_DEFAULT : Date.parse(from);
  const beginMs = Math.max(wantedMs, nowMs - SIGNALS_KEPT_MS);
  return { afterMs: beginMs - 1, toMs: endMs };
}
