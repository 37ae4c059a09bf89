import type { ProgressSummary } from "./task.ts";

/** Namespace of all that the deployment tells CloudWatch of itself. Which stage it is tells the dimension `service`. */
export const METRIC_NAMESPACE = "Shim";

/**
 * What is counted and measured when it happens, by whichever function sees it. In CloudWatch under the dimension
 * `service` alone: a metric for each fleet or session would be billed as one of its own.
 */
export const EVENT_METRICS = {
  /** A session was given up as crashed. */
  SessionsCrashed: "Count",
  /** A session was in the danger zone for the first time since its start. */
  SessionsEndangered: "Count",
  /** A session that was given up as crashed had been in the danger zone since its start. */
  EndangeredCrashed: "Count",
  /** From the last accepted beat of a crashed session until it was started again, in milliseconds. */
  SessionRestartDuration: "Milliseconds",
  /** From the last accepted beat of a crashed session until a task of it runs again elsewhere, in milliseconds. */
  CrashRecoveryDuration: "Milliseconds",
  /** From when a task could start until it did, in milliseconds. */
  TaskWait: "Milliseconds",
  /** From the start of the attempt that completed a task until then, in milliseconds. */
  TaskDuration: "Milliseconds",
  /** A task ended as a dead letter. */
  DeadLetters: "Count",
  /** A waiting task was moved from one live session to another. */
  TasksMoved: "Count",
  /** A request was answered with 500, or a message, an entry of the agenda or a tick failed, for an unexpected reason. */
  Errors: "Count",
  /** Redis did not answer. */
  RedisUnavailable: "Count",
  /** DynamoDB, S3 or SQS did not answer. */
  RecordUnavailable: "Count",
  /** Redis commands that beats took, on average of a minute of one function instance; 2 for a steady one. */
  RedisCommandsPerBeat: "None",
} as const;
export type EventMetric = keyof typeof EVENT_METRICS;

/** What a fleet has, once a minute by the sweep while it has any. In CloudWatch under `service` and `Fleet`. */
export const FLEET_GAUGES = [
  /** Sessions live, draining or recovering. */
  "ActiveSessions",
  /** Tasks that have not ended. */
  "OpenTasks",
] as const;
export type FleetGauge = (typeof FLEET_GAUGES)[number];

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
