import * as z from "zod/mini";
import { Id } from "./ids.ts";
import { MetricName, ParameterName, ParameterValue, ParameterValues, UnitKind } from "./parameters.ts";

/** Documents of the record that tuning keeps; see `records.ts` for what they have in common. */
const Document = { v: z.literal(1), rev: z.int(), fleet: Id };
const Millis = z.int();
/** Days since 1970, UTC: a night is named by the day that it begins. */
const Day = z.int();

export const Variant = z.enum(["control", "treatment"]);
export type Variant = z.infer<typeof Variant>;

/** `off`: nothing is proposed. `suggest`: proposals wait for approval. `auto`: they start, ship and roll back by themselves. */
export const TuningMode = z.enum(["off", "suggest", "auto"]);
export type TuningMode = z.infer<typeof TuningMode>;

export const ExperimentState = z.enum([
  "draft",
  "running",
  "shipping",
  "shipped",
  "rolled_back",
  "inconclusive",
  "halted",
]);
export type ExperimentState = z.infer<typeof ExperimentState>;

/** An experiment as those who allocate units know it. */
export const ActiveExperiment = z.object({
  id: Id,
  parameter: ParameterName,
  unit: UnitKind,
  /** Counts the changes of `treatmentShare`: units are compared with those of the same stage. */
  stage: z.int(),
  treatmentShare: z.number(),
  control: ParameterValue,
  treatment: ParameterValue,
});
export type ActiveExperiment = z.infer<typeof ActiveExperiment>;

/** What a fleet has tuned, a part of its document. `values` are those that were shipped, `pinned` those that a person fixed. */
export const Tuning = z.object({
  mode: TuningMode,
  /** Rises with every change of what units may receive. */
  version: z.int(),
  values: ParameterValues,
  pinned: ParameterValues,
  active: z.array(ActiveExperiment),
  /** The last night that looked for something to try. */
  night: z.optional(Day),
});
export type Tuning = z.infer<typeof Tuning>;

/** That a unit met its variant: when the parameter was first used. */
export const Exposure = z.object({ variant: Variant, stage: z.int(), atMs: Millis });
export type Exposure = z.infer<typeof Exposure>;
/** By experiment. */
export const Exposures = z.record(Id, Exposure);
export type Exposures = z.infer<typeof Exposures>;

/** What is known of a unit's outcome. A metric that is not known is left out, never zero. */
export const Outcome = z.object({ endedAtMs: Millis, values: z.partialRecord(MetricName, z.number()) });
export type Outcome = z.infer<typeof Outcome>;

const Facts = {
  fleet: Id,
  /** What was analysed, and which one: a session's start by its epoch, a task by how often it was redriven. */
  kind: z.enum(["task", "session"]),
  id: Id,
  generation: z.int(),
  host: z.nullable(Id),
  agent: z.nullable(z.string()),
  /** Type of a task. */
  type: z.nullable(z.string()),
  /** Where it worked: the last part of the session's directory. */
  repository: z.nullable(z.string()),
};

/** A unit that ended, filed under the day of its end, whether it was in an experiment or not. */
export const UnitRecord = z.object({
  v: z.literal(1),
  ...Facts,
  startedAtMs: Millis,
  outcome: Outcome,
  /** What detectors look at beside the outcome, by name. */
  facts: z.record(z.string(), z.union([z.number(), z.string()])),
});
export type UnitRecord = z.infer<typeof UnitRecord>;

/** A unit in an experiment, filed under the day of its exposure. `outcome` is null until it is known. */
export const ExposedUnit = z.object({
  v: z.literal(1),
  experiment: Id,
  ...Facts,
  ...Exposure.shape,
  outcome: z.nullable(Outcome),
});
export type ExposedUnit = z.infer<typeof ExposedUnit>;

/** Sums over units, from which means, variances and covariances follow. `x` is the covariate, `y` the metric. */
export const Sums = z.object({
  n: z.int(),
  y: z.number(),
  yy: z.number(),
  x: z.number(),
  xx: z.number(),
  xy: z.number(),
});
export type Sums = z.infer<typeof Sums>;

/** One arm of one stage. */
export const ArmTotals = z.object({
  /** Units exposed, their outcome known or not. */
  exposed: z.int(),
  /** By metric, of matured units whose value is known. */
  metrics: z.partialRecord(MetricName, Sums),
  /** By group of hosts, of the primary metric, where hosts are randomised and both arms are equal. */
  hosts: z.record(z.string(), z.object({ n: z.int(), y: z.number() })),
  /** Rare events, counted as they happen, matured or not. */
  events: z.partialRecord(MetricName, z.int()),
});
export type ArmTotals = z.infer<typeof ArmTotals>;

/** What is known of one stage: units that were exposed while the treatment's share was the same. */
export const StageTotals = z.object({
  stage: z.int(),
  treatmentShare: z.number(),
  control: ArmTotals,
  treatment: ArmTotals,
});
export type StageTotals = z.infer<typeof StageTotals>;

/** A number with a name, for people. */
const Numbers = z.record(z.string(), z.union([z.number(), z.string()]));

/** Why an experiment is worth its traffic. */
export const Hypothesis = z.object({
  detector: z.string(),
  metric: MetricName,
  /** Of the metric without a change, by the fleet's own units. */
  baseline: z.number(),
  /** Expected absolute difference of the metric, and its interval. */
  effect: z.number(),
  interval: z.tuple([z.number(), z.number()]),
  /** In a sentence, and in numbers. */
  statement: z.string(),
  evidence: Numbers,
});
export type Hypothesis = z.infer<typeof Hypothesis>;

/** What is fixed before the first unit is exposed. */
export const Plan = z.object({
  /** Level of the whole decision (LOND), by the experiments before it. */
  alpha: z.number(),
  index: z.int(),
  discoveries: z.int(),
  power: z.number(),
  /** Smallest absolute difference that is found with `power`. */
  mde: z.number(),
  /** Units of both arms together, or nights, after which the fixed test is made; whichever comes first. */
  horizonUnits: z.int(),
  horizonNights: z.int(),
  /** Where the sequence is tightest, in units: about a quarter of the horizon. */
  tuningUnits: z.int(),
  /** A unit counts once so much time has passed since its exposure, whether it ended or not. */
  maturesAfterMs: Millis,
  /** Larger values of the metric count as this; null: none does. */
  winsorAt: z.nullable(z.number()),
  /** Historical mean of the metric by `type|repository`, and for all others; null: no covariate. */
  covariate: z.nullable(z.object({ byKey: z.record(z.string(), z.number()), other: z.number() })),
  guardrails: z.array(
    z.object({
      metric: MetricName,
      /** Of means: absolute harm that is tolerated; of rare events 0. */
      margin: z.number(),
      baseline: z.nullable(z.number()),
    }),
  ),
});
export type Plan = z.infer<typeof Plan>;

/** What one night saw. */
export const Look = z.object({
  night: Day,
  stage: z.int(),
  control: z.int(),
  treatment: z.int(),
  controlMean: z.nullable(z.number()),
  treatmentMean: z.nullable(z.number()),
  estimate: z.nullable(z.number()),
  standardError: z.nullable(z.number()),
  /** Confidence sequence at half the level; null before there is enough. */
  interval: z.nullable(z.tuple([z.number(), z.number()])),
  logE: z.number(),
  sampleRatioLogE: z.number(),
  /** By guardrail. */
  guardrails: z.record(z.string(), z.number()),
});
export type Look = z.infer<typeof Look>;

/** A change of an experiment's state or stage, for ever. */
export const LogEntry = z.object({
  atMs: Millis,
  night: z.nullable(Day),
  by: z.string(),
  from: ExperimentState,
  to: ExperimentState,
  treatmentShare: z.number(),
  reason: z.string(),
  numbers: Numbers,
});
export type LogEntry = z.infer<typeof LogEntry>;

/** An experiment: one document, so that a night's decision, its reason and its numbers are written at once. */
export const ExperimentRecord = z.object({
  ...Document,
  id: Id,
  parameter: ParameterName,
  unit: UnitKind,
  control: ParameterValue,
  treatment: ParameterValue,
  hypothesis: Hypothesis,
  plan: z.nullable(Plan),
  state: ExperimentState,
  /** Stages so far: the share of the treatment, and the night that it began to count. */
  stages: z.array(z.object({ treatmentShare: z.number(), sinceNight: Day, sinceMs: Millis })),
  /** Totals of the days up to `throughDay`, whose units are all mature and no longer expected: they are read no more. */
  settled: z.optional(z.object({ throughDay: Day, stages: z.array(StageTotals) })),
  /** The last night that was decided; null before the first. */
  night: z.nullable(Day),
  /** Largest evidence of any night against no difference, as a logarithm. */
  bestLogE: z.number(),
  /** Of the one fixed test; null before the horizon. */
  fixedP: z.nullable(z.number()),
  looks: z.array(Look),
  log: z.array(LogEntry),
  createdAtMs: Millis,
  startedAtMs: z.nullable(Millis),
  endedAtMs: z.nullable(Millis),
});
export type ExperimentRecord = z.infer<typeof ExperimentRecord>;
