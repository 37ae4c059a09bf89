import type { EventMetric, FleetGauge } from "../contract/metrics.ts";
import type { ProfileName } from "../contract/profile.ts";
import type { Agenda, BeatAgenda } from "./agenda.ts";
import type { Allocator, ExperimentMirror } from "./allocation.ts";
import type { HeldBack } from "./held-back.ts";
import type { RecordStore } from "./record.ts";
import type { BeatRegistry, KeyMirror, Registry } from "./registry.ts";
import type { WorkQueue } from "./work-queue.ts";

/** The one authority on time. Milliseconds since the epoch. */
export interface Clock {
  nowMs(): number;
  /** Resolves after `ms`. Only the sweep's loop waits. */
  wait(ms: number): Promise<void>;
}

export interface Chance {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** An unguessable identifier of 128 bits, URL-safe. */
  id(): string;
}

/** Events to functions that run later. At least once, in any order, possibly never. */
export interface Events {
  /** These tasks may be ready, after `delayMs` (at most 15 minutes; longer waits are cut and found again). */
  tasksReady(fleet: string, taskIds: readonly string[], delayMs?: number): Promise<void>;
  /** The sweep should run now rather than at its next minute. */
  wakeSweep(): Promise<void>;
}

/** Structured log. Never given a secret or a payload. */
export interface Log {
  /** The same log, with these fields in whatever it is told. */
  with(fields: Record<string, unknown>): Log;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** What those who watch the deployment are told. A store that does not answer is no reason to reject. */
export interface Metrics {
  /**
   * Something happened, or took so long.
   *
   * @param fleet null if it concerns the deployment
   */
  note(fleet: string | null, metric: EventMetric, value: number): Promise<void>;
  /** What a fleet has just now. */
  gauge(fleet: string, values: Readonly<Partial<Record<FleetGauge, number>>>): Promise<void>;
}

/**
 * Running sums of rare events for each fleet and (null) for the deployment, in Redis, for whoever asks for all of them at once. Approximate: a repeated
 * request may add twice, and a lost Redis starts at zero, which scrapers take for a restart.
 */
export interface Tallies {
  add(fleet: string | null, sums: Readonly<Record<string, number>>): Promise<void>;
  read(fleet: string | null): Promise<Readonly<Record<string, number>>>;
}

/** What a deployment fixes. */
export type Settings = {
  /** Profile of the fleet that exists from the start. */
  readonly defaultProfile: ProfileName;
  /** Where hosts post their heartbeats. */
  readonly heartbeatUrl: string;
  /** Keys that sign tokens; the first signs, all verify. */
  readonly signingKeys: readonly { readonly id: string; readonly secret: Buffer }[];
};

/** Everything an operation may touch. */
export type Ports = {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly record: RecordStore;
  readonly registry: Registry;
  readonly keyMirror: KeyMirror;
  readonly workQueue: WorkQueue;
  readonly heldBack: HeldBack;
  readonly agenda: Agenda;
  readonly events: Events;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tallies: Tallies;
  readonly allocator: Allocator;
  readonly mirror: ExperimentMirror;
};

/** What a heartbeat needs: no record, so its function carries no DynamoDB client. */
export type BeatPorts = Pick<Ports, "settings" | "clock" | "keyMirror" | "log" | "metrics"> & {
  readonly registry: BeatRegistry;
  readonly agenda: BeatAgenda;
};
