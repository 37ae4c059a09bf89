import { Counter, Gauge, type Metric, Registry } from "prom-client";
import { predictionIn, recoveriesIn } from "../../shared/domain/tallies.ts";
import type { MetricsReading } from "../../shared/contract/metrics.ts";

const inSeconds = (ms: number) => ms / 1_000;

/** A reading in Prometheus' text format. Times are in seconds there. */
export async function toPrometheus(reading: MetricsReading, fleet: string): Promise<string> {
  const registry = new Registry();
  const { progress, fleetSums, sums, sweep, nowMs } = reading;
  const add = (kind: typeof Gauge | typeof Counter, name: string, help: string, values: Values) => {
    const metric = new kind({ name, help, labelNames: ["fleet", "state"], registers: [registry] });
    for (const [labels, value] of values) metric.inc(labels, value);
  };
  const ofFleet = (value: number | undefined): Values => [[{ fleet }, value ?? 0]];
  const byState = (states: Record<string, number>): Values =>
    Object.entries(states).map(([state, value]) => [{ fleet, state }, value]);

  add(Gauge, "shim_active_sessions", "Sessions that live.", ofFleet(progress.activeChats));
  add(
    Gauge,
    "shim_open_tasks",
    "Tasks that have not ended: queued or blocked, and assigned or running.",
    byState({ queued: progress.queuedTasks, in_progress: progress.inProgressTasks }),
  );
  add(
    Counter,
    "shim_ended_tasks_total",
    "Tasks that have ended; a redriven one leaves failed.",
    byState({
      completed: progress.completedTasks,
      failed: progress.failedTasks,
      cancelled: progress.cancelledTasks,
    }),
  );
  add(
    Counter,
    "shim_sessions_crashed_total",
    "Sessions given up as crashed.",
    ofFleet(fleetSums["SessionsCrashed"]),
  );
  const { precision, recall } = predictionIn(fleetSums);
  const prediction = "Of the session starts that";
  if (precision !== null)
    add(
      Gauge,
      "shim_crash_prediction_precision",
      `${prediction} entered the danger zone, the share that crashed.`,
      ofFleet(precision),
    );
  if (recall !== null)
    add(
      Gauge,
      "shim_crash_prediction_recall",
      `${prediction} crashed, the share that had entered the danger zone.`,
      ofFleet(recall),
    );
  add(
    Counter,
    "shim_dead_letters_total",
    "Tasks that became dead letters.",
    ofFleet(fleetSums["DeadLetters"]),
  );
  add(
    Counter,
    "shim_tasks_moved_total",
    "Waiting tasks moved between live sessions.",
    ofFleet(fleetSums["TasksMoved"]),
  );
  registry.registerMetric(recoveries(fleetSums, fleet));
  add(Counter, "shim_errors_total", "Unexpected failures of the deployment.", [[{}, sums["Errors"] ?? 0]]);
  if (sweep) {
    const upForMs = Math.max(0, sweep.tickAtMs - sweep.upSinceMs);
    add(Gauge, "shim_uptime_seconds", "For how long sweeps have come without a gap.", [
      [{}, inSeconds(upForMs)],
    ]);
    add(Gauge, "shim_sweep_age_seconds", "Since the last tick of a sweep.", [
      [{}, inSeconds(Math.max(0, nowMs - sweep.tickAtMs))],
    ]);
  }
  return registry.metrics();
}

type Values = readonly (readonly [labels: Record<string, string>, value: number])[];

/** A histogram as it was counted by many: the library's own counts only what one process observes. */
function recoveries(sums: Readonly<Record<string, number>>, fleet: string): Metric {
  const name = "shim_crash_recovery_duration_seconds";
  const { buckets, count, sumMs } = recoveriesIn(sums);
  const bounded = buckets.map(({ boundMs, atMost }) => ({ le: String(inSeconds(boundMs)), atMost }));
  const values = [
    ...[...bounded, { le: "+Inf", atMost: count }].map(({ le, atMost }) => ({
      metricName: `${name}_bucket`,
      labels: { fleet, le },
      value: atMost,
    })),
    { metricName: `${name}_sum`, labels: { fleet }, value: inSeconds(sumMs) },
    { metricName: `${name}_count`, labels: { fleet }, value: count },
  ];
  const help = "From the last beat of a crashed session until its task ran again.";
  const histogram = {
    name,
    help,
    type: "histogram",
    aggregator: "sum",
    get: async () => ({ ...histogram, values }),
  };
  return histogram as unknown as Metric;
}
