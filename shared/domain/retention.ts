import { RETENTION_MS_DEFAULT } from "../contract/limits.ts";
import type { FleetRecord } from "../contract/records.ts";
import { type Decision, UNCHANGED, commit } from "./decision.ts";

/** How long a fleet keeps what has ended, from its end. */
export type Retention = NonNullable<FleetRecord["retention"]>;

const DEFAULT: Retention = { keptMs: RETENTION_MS_DEFAULT, longestMs: RETENTION_MS_DEFAULT };

export function retentionOf(fleet: Pick<FleetRecord, "retention"> | null): Retention {
  return fleet?.retention ?? DEFAULT;
}

/** What a fleet begins with; null: what is usual. */
export function firstRetention(keptMs: number | null): Pick<FleetRecord, "retention"> {
  return keptMs === null ? {} : { retention: { keptMs, longestMs: keptMs } };
}

/** Another retention, for what ends from now on; null: the usual one. */
export function setRetention(fleet: FleetRecord, wantedMs: number | null): Decision<FleetRecord> {
  const now = retentionOf(fleet);
  const keptMs = wantedMs ?? RETENTION_MS_DEFAULT;
  if (now.keptMs === keptMs) return UNCHANGED;
  return commit({ ...fleet, retention: { keptMs, longestMs: Math.max(now.longestMs, keptMs) } });
}
