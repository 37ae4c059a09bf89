import type { RiskZone } from "../../shared/contract/signals.ts";
import type { SessionSignals } from "./signal-collector.ts";

/** Signals with the zone that they put the session in, by its own thresholds. */
export type PostedSignals = SessionSignals & { readonly zone?: RiskZone };

/** Which beats carry signals: one a minute, and any in which the risk zone is another. All others are as short as can be. */
export type SignalPost = {
  /** The signals that are due; undefined if none are. */
  due(signals: SessionSignals, zone: RiskZone | null, nowMs: number): PostedSignals | undefined;
};

const EVERY_MS = 60_000;

export function createSignalPost(): SignalPost {
  let toldAtMs = -Infinity;
  let toldZone: string | null = null;
  return {
    due(signals, zone, nowMs) {
      if (zone === toldZone && nowMs - toldAtMs < EVERY_MS) return undefined;
      toldAtMs = nowMs;
      toldZone = zone;
      return zone === null ? signals : { ...signals, zone };
    },
  };
}
