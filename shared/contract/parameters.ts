import * as z from "zod/mini";
import { AgentParameters } from "./agent-parameters.ts";
import { BRIEF_TOKENS_DEFAULT, SESSION_CAPACITY_DEFAULT } from "./limits.ts";
import { RISK_THRESHOLDS } from "./risk.ts";

/**
 * What a fleet may tune. A parameter is used in one place, and that place says so (an exposure): an experiment counts only
 * units that met their variant.
 */

/** What is randomised, by a stable hash of its id. `host`: all of its sessions alike, where they could touch each other. */
export const UnitKind = z.enum(["task", "session", "host"]);
export type UnitKind = z.infer<typeof UnitKind>;

/** A value of a parameter. */
export const ParameterValue = z.union([z.number(), z.string()]);
export type ParameterValue = z.infer<typeof ParameterValue>;

/** What is measured of a unit. `lowerIsBetter` says which way is good; `rare` events are counted and not averaged. */
export const METRICS = {
  /** 1 if the session crashed, else 0. */
  crashed: { of: "session", kind: "proportion", lowerIsBetter: true, rare: true },
  /** Work of the session that no checkpoint had kept when it crashed, in milliseconds; 0 if it did not crash. */
  lostWorkMs: { of: "session", kind: "mean", lowerIsBetter: true, rare: false },
  /** From the last accepted beat of a session that crashed until it was given up, in milliseconds. */
  detectionMs: { of: "session", kind: "mean", lowerIsBetter: true, rare: false },
  /** 1 if the session was alive without progress at least once. */
  stalled: { of: "session", kind: "proportion", lowerIsBetter: true, rare: true },
  /** Checkpoints that the session wrote per hour. */
  checkpointsPerHour: { of: "session", kind: "mean", lowerIsBetter: true, rare: false },
  /** Mean share of what could be verified after the session's work was resumed, of 1. */
  fidelity: { of: "session", kind: "mean", lowerIsBetter: false, rare: false },
  /** 1 if the task completed, else 0. */
  completed: { of: "task", kind: "proportion", lowerIsBetter: false, rare: false },
  /** 1 if the task spent its attempts, else 0. */
  failed: { of: "task", kind: "proportion", lowerIsBetter: true, rare: true },
  /** Attempts that the task took. */
  attempts: { of: "task", kind: "mean", lowerIsBetter: true, rare: false },
  /** Time of its attempts that did not complete it, in milliseconds. */
  wastedMs: { of: "task", kind: "mean", lowerIsBetter: true, rare: false },
  /** From when it could first start until it did, in milliseconds. */
  waitMs: { of: "task", kind: "mean", lowerIsBetter: true, rare: false },
  /** Of the attempt that completed it, in milliseconds. */
  durationMs: { of: "task", kind: "mean", lowerIsBetter: true, rare: false },
  /** From the last beat of a session that crashed on it until it ran again, in milliseconds. */
  recoveryMs: { of: "task", kind: "mean", lowerIsBetter: true, rare: false },
  /** Tokens, where the agent says them. */
  tokens: { of: "task", kind: "mean", lowerIsBetter: true, rare: false },
  /** US dollars, where the agent says them. */
  costUsd: { of: "task", kind: "mean", lowerIsBetter: true, rare: false },
} as const satisfies Record<
  string,
  { of: "task" | "session"; kind: "proportion" | "mean"; lowerIsBetter: boolean; rare: boolean }
>;
export type MetricName = keyof typeof METRICS;
export const MetricName = z.enum(Object.keys(METRICS) as [MetricName, ...MetricName[]]);

type Common = {
  /** For people. */
  readonly title: string;
  readonly unit: UnitKind;
  /** Parameters of one layer interact: one experiment at a time. */
  readonly layer: string;
  /** Metrics that an experiment on it may be decided by. */
  readonly moves: readonly MetricName[];
  /** Metrics that must not become worse. */
  readonly guardrails: readonly MetricName[];
  /** `false`: it may be shipped or pinned for a whole fleet, and units never get different values. `because` says why. */
  readonly randomised?: false;
  readonly because?: string;
};
type NumberParameter = Common & {
  readonly type: "integer" | "number";
  readonly default: number;
  /**
   * `min`, `max`: what the engine may propose. `maxIncrease`: the largest factor, up or down, of one step. `critical`: outside of
   * it no value is ever used, whoever set it.
   */
  readonly bounds: {
    readonly min: number;
    readonly max: number;
    readonly maxIncrease: number;
    readonly critical: readonly [number, number];
  };
};
type ChoiceParameter = Common & {
  readonly type: "choice";
  readonly default: string;
  readonly choices: readonly string[];
};
export type Parameter = NumberParameter | ChoiceParameter;

const MINUTE_MS = 60_000;

export const PARAMETERS = {
  checkpointIntervalMs: {
    title: "time between two checkpoints of a session, in milliseconds",
    type: "integer",
    default: 10 * MINUTE_MS,
    bounds: {
      min: MINUTE_MS,
      max: 60 * MINUTE_MS,
      maxIncrease: 2,
      critical: [MINUTE_MS / 2, 120 * MINUTE_MS],
    },
    unit: "session",
    layer: "checkpoints",
    moves: ["lostWorkMs"],
    guardrails: ["crashed"],
  },
  checkpointToolCalls: {
    title: "finished tool calls after which a checkpoint is made",
    type: "integer",
    default: 5,
    bounds: { min: 2, max: 50, maxIncrease: 2, critical: [1, 200] },
    unit: "session",
    layer: "checkpoints",
    moves: ["lostWorkMs", "checkpointsPerHour"],
    guardrails: ["crashed", "lostWorkMs"],
  },
  contextWarning: {
    title: "share of the context window from which on a session is in the warning zone",
    type: "number",
    default: RISK_THRESHOLDS.contextUsed.warning,
    bounds: { min: 0.3, max: 0.74, maxIncrease: 1.34, critical: [0.1, 0.95] },
    unit: "session",
    layer: "checkpoints",
    moves: ["lostWorkMs", "crashed"],
    guardrails: ["crashed"],
  },
  contextDanger: {
    title: "share of the context window from which on a session is in the danger zone",
    type: "number",
    default: RISK_THRESHOLDS.contextUsed.danger,
    bounds: { min: 0.75, max: 0.95, maxIncrease: 1.34, critical: [0.2, 0.99] },
    unit: "session",
    layer: "checkpoints",
    moves: ["lostWorkMs", "crashed"],
    guardrails: ["crashed"],
  },
  heartbeatProfile: {
    title: "how often a host beats, and how soon its silence counts as a crash",
    type: "choice",
    default: "standard",
    choices: ["standard", "fast"],
    unit: "host",
    layer: "heartbeats",
    moves: ["detectionMs"],
    guardrails: ["crashed"],
    randomised: false,
    because:
      "The sweep ticks for a whole fleet: as slowly as standard asks it would take each of its own pauses for an outage of the fast hosts, " +
      "and as fast as fast asks the standard hosts would cost the same. And a host keeps its profile until its supervisor starts again, so " +
      "that nothing could be taken back at once.",
  },
  balancerPolicy: {
    title: "how the session for a task is chosen",
    type: "choice",
    default: "least-loaded",
    choices: ["least-loaded", "performance"],
    unit: "task",
    layer: "placement",
    moves: ["waitMs", "durationMs", "completed"],
    guardrails: ["failed", "waitMs"],
    randomised: false,
    because:
      "Where one task is placed decides which places are left for all others: both arms would share one pool of sessions.",
  },
  balancerHalfLifeAttempts: {
    title: "attempts after which what a session has shown counts half",
    type: "integer",
    default: 10,
    bounds: { min: 3, max: 100, maxIncrease: 2, critical: [1, 1000] },
    unit: "task",
    layer: "placement",
    moves: ["durationMs", "completed"],
    guardrails: ["failed", "waitMs"],
    randomised: false,
    because:
      "How one host's sessions are rated decides which tasks all others are left with, so what its own tasks show is not its doing.",
  },
  tasksPerSession: {
    title: "tasks that a session holds at once, unless its registration says",
    type: "integer",
    default: SESSION_CAPACITY_DEFAULT,
    bounds: { min: 1, max: 10, maxIncrease: 2, critical: [1, 100] },
    unit: "host",
    layer: "placement",
    moves: ["crashed", "lostWorkMs"],
    guardrails: ["crashed"],
  },
  retryBackoffFactor: {
    title: "factor of the backoff before a task is tried again",
    type: "number",
    default: 1,
    bounds: { min: 0.25, max: 32, maxIncrease: 4, critical: [0, 600] },
    unit: "task",
    layer: "retries",
    moves: ["attempts", "completed", "wastedMs"],
    guardrails: ["failed"],
  },
  briefTokens: {
    title: "tokens of a resume brief's text",
    type: "integer",
    default: BRIEF_TOKENS_DEFAULT,
    bounds: { min: 500, max: 8_000, maxIncrease: 2, critical: [100, 20_000] },
    unit: "task",
    layer: "briefs",
    moves: ["wastedMs", "durationMs", "completed"],
    guardrails: ["failed"],
  },
} as const satisfies Record<string, Parameter>;
export type ParameterName = keyof typeof PARAMETERS;
export const ParameterName = z.enum(Object.keys(PARAMETERS) as [ParameterName, ...ParameterName[]]);

/** A parameter by name, without the literal types of the table. */
export const parameterOf = (name: ParameterName): Parameter => PARAMETERS[name];

/** What is used where nothing else is said. */
export const PARAMETER_DEFAULTS = Object.fromEntries(
  Object.entries(PARAMETERS).map(([name, { default: value }]) => [name, value]),
) as Readonly<Record<ParameterName, ParameterValue>>;

/** Those that agents themselves use: they are told at registration, and again should they change. */
export const AGENT_PARAMETERS = Object.keys(AgentParameters.shape) as readonly (keyof AgentParameters &
  ParameterName)[];

export const AGENT_PARAMETER_DEFAULTS = Object.fromEntries(
  AGENT_PARAMETERS.map((name) => [name, PARAMETERS[name].default]),
) as AgentParameters;

/** Values of some parameters. */
export const ParameterValues = z.partialRecord(ParameterName, ParameterValue);
export type ParameterValues = z.infer<typeof ParameterValues>;
