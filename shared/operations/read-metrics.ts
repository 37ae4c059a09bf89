import type { MetricsReading } from "../contract/metrics.ts";
import type { Ports } from "../ports/ports.ts";
import { summariseProgress } from "./summarise-progress.ts";

/** What a fleet can be measured by, from the record and from Redis: what one function instance remembers is no answer. */
export async function readMetrics(ports: Ports, fleet: string): Promise<MetricsReading> {
  const [progress, fleetSums, sums, sweep] = await Promise.all([
    summariseProgress(ports, fleet, null, null),
    ports.tallies.read(fleet),
    ports.tallies.read(null),
    ports.record.sweep.get(),
  ]);
  const { upSinceMs, tickAtMs } = sweep ?? {};
  const ticks = tickAtMs === undefined ? null : { upSinceMs: upSinceMs ?? tickAtMs, tickAtMs };
  return { progress, fleetSums, sums, sweep: ticks, nowMs: ports.clock.nowMs() };
}
