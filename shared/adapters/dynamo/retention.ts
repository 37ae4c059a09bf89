import { type Retention, retentionOf } from "../../domain/retention.ts";
import type { Clock } from "../../ports/ports.ts";
import type { FleetStore } from "../../ports/record.ts";

/** How long an instance goes by what it read: nothing is decided by when items expire, so a minute late is soon enough. */
const KNOWN_MS = 60_000;

/** How long a fleet keeps what has ended. */
export type RetentionOf = (fleet: string) => Promise<Retention>;

export function createRetentionOf(fleets: Pick<FleetStore, "get">, clock: Pick<Clock, "nowMs">): RetentionOf {
  const known = new Map<string, { readonly retention: Retention; readonly untilMs: number }>();
  return async (fleet) => {
    const nowMs = clock.nowMs();
    const found = known.get(fleet);
    if (found && found.untilMs > nowMs) return found.retention;
    const retention = retentionOf(await fleets.get(fleet));
    known.set(fleet, { retention, untilMs: nowMs + KNOWN_MS });
    return retention;
  };
}
