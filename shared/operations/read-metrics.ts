import type { ProgressSummary } from "../contract/task.ts";
import type { Ports } from "../ports/ports.ts";
import { summariseProgress } from "./summarise-progress.ts";

/** What a fleet and the deployment it is in can be measured by, read now. */
export type MetricsReading = {
  readonly progress: ProgressSummary;
  /** Running sums of the fleet and of the deployment. */
  readonly fleetSums: Readonly<Record<string, number>>;
  readonly sums: Readonly<Record<string, number>>;
  /** Since when sweeps have come without a gap, and when the last one ticked; null if none ever did. */
  readonly sweep: { readonly upSinceMs: number; readonly tickAtMs: number } | null;
  readonly nowMs: number;
};

/** Reads it from the record and from Redis: what one function instance remembers is no answer. */
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
