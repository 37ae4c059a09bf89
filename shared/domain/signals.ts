import { SIGNALS_KEPT_BYTES } from "../contract/limits.ts";
import type { KeptSignals, SignalsMinute } from "../contract/signals.ts";
import { RISK_THRESHOLDS, reportedZone, saidZone } from "../contract/risk.ts";

export const MINUTE_MS = 60_000;

/** Characters of a text among signals, and of a signal's name: past them it is not kept. */
const CHARACTERS_LIMIT = 100;

/** The minute that a time is in. */
export function minuteOf(ms: number): number {
  return Math.floor(ms / MINUTE_MS);
}

/**
 * What history keeps of signals: plain values, as many as fit, first those that decide the zone. An agent may send what it
 * likes; a hundred sessions of a host must fit one item.
 */
export function keptSignals(signals: Readonly<Record<string, unknown>>): KeptSignals {
  const deciding = Object.keys(RISK_THRESHOLDS).filter((name) => name in signals);
  const names = new Set([...deciding, ...Object.keys(signals)]);
  // The zone is kept beside them.
  if (saidZone(signals)) names.delete("zone");
  const kept: KeptSignals = {};
  let bytes = 2;
  for (const name of names) {
    const value = signals[name];
    if (name.length > CHARACTERS_LIMIT || !isPlain(value)) continue;
    bytes += Buffer.byteLength(JSON.stringify({ [name]: value }));
    if (bytes > SIGNALS_KEPT_BYTES) break;
    kept[name] = value;
  }
  return kept;
}

function isPlain(value: unknown): value is number | string | boolean {
  if (typeof value === "number") return Number.isFinite(value);
  return typeof value === "boolean" || (typeof value === "string" && value.length <= CHARACTERS_LIMIT);
}

type Said = {
  readonly id: string;
  readonly epoch: number;
  readonly signals: Readonly<Record<string, unknown>>;
};

/** A minute with what these sessions say now; null if it has all of them already: the first of a minute stays. */
export function withSignals(
  place: Omit<SignalsMinute, "v" | "sessions">,
  found: SignalsMinute | null,
  said: readonly Said[],
  nowMs: number,
): SignalsMinute | null {
  const fresh = said.filter(({ id, epoch }) => found?.sessions[id]?.epoch !== epoch);
  if (fresh.length === 0) return null;
  const added = fresh.map(
    ({ id, epoch, signals }) =>
      [id, { epoch, atMs: nowMs, zone: reportedZone(signals), signals: keptSignals(signals) }] as const,
  );
  return { v: 1, ...place, sessions: { ...found?.sessions, ...Object.fromEntries(added) } };
}
