import * as z from "zod/mini";
import { ExperimentState, Hypothesis, LogEntry, Look, Plan, TuningMode } from "./experiments.ts";
import { Id, Instant } from "./ids.ts";
import { TEXT_CHARACTERS_LIMIT } from "./limits.ts";
import { MetricName, ParameterName, ParameterValue, ParameterValues, UnitKind } from "./parameters.ts";

/** What somebody says of an experiment, for its log. */
const Sentence = z.string().check(z.minLength(1), z.maxLength(TEXT_CHARACTERS_LIMIT));

/** What an experiment has shown so far, or had when it ended. */
const Result = z.object({
  control: z.int(),
  treatment: z.int(),
  controlMean: z.nullable(z.number()),
  treatmentMean: z.nullable(z.number()),
  estimate: z.nullable(z.number()),
  lower: z.nullable(z.number()),
  upper: z.nullable(z.number()),
  p: z.number(),
  /** Beside the decision and never its reason: by flat priors, the chance that the treatment is better. */
  probabilityToBeat: z.nullable(z.number()),
});

/** An experiment in a list. */
export const ExperimentSummary = z.object({
  id: Id,
  parameter: ParameterName,
  unit: UnitKind,
  metric: MetricName,
  control: ParameterValue,
  treatment: ParameterValue,
  state: ExperimentState,
  /** Share of units that get the treatment now. */
  treatmentShare: z.number(),
  statement: z.string(),
  nights: z.int(),
  /** When it is decided at the latest, by whichever comes first; null for a draft. */
  horizonNights: z.nullable(z.int()),
  horizonUnits: z.nullable(z.int()),
  result: z.nullable(Result),
  /** Why it is in this state. */
  reason: z.nullable(z.string()),
  createdAt: Instant,
  startedAt: z.nullable(Instant),
  endedAt: z.nullable(Instant),
});
export type ExperimentSummary = z.infer<typeof ExperimentSummary>;

/** GET /v1/experiments/{id} */
export const ExperimentDetail = z.extend(ExperimentSummary, {
  hypothesis: Hypothesis,
  plan: z.nullable(Plan),
  looks: z.array(Look),
  log: z.array(LogEntry),
});
export type ExperimentDetail = z.infer<typeof ExperimentDetail>;

export const ExperimentAnswer = z.object({ experiment: ExperimentDetail });

/** What a fleet uses of what may be tuned. */
export const TuningView = z.object({
  mode: TuningMode,
  version: z.int(),
  /** Every parameter with what is used now, why, and between what it may be chosen. */
  parameters: z.array(
    z.object({
      name: ParameterName,
      title: z.string(),
      value: ParameterValue,
      source: z.enum(["default", "shipped", "pinned"]),
      default: ParameterValue,
      allowed: z.string(),
      /** What is randomised, what may decide, and whether it is tried at all; else it is pinned or left alone. */
      unit: UnitKind,
      metrics: z.array(MetricName),
      randomised: z.boolean(),
    }),
  ),
});
export type TuningView = z.infer<typeof TuningView>;

/** GET /v1/experiments: experiments, the newest first, and what the last night found and did not propose. */
export const ExperimentsAnswer = z.object({
  experiments: z.array(ExperimentSummary),
  tuning: TuningView,
  notProposed: z.array(z.object({ parameter: ParameterName, why: z.string() })),
  /** What the last weeks were like, in sentences. */
  observed: z.array(z.string()),
});
export type ExperimentsAnswer = z.infer<typeof ExperimentsAnswer>;

/** POST /v1/experiments: a trial of somebody's own choice. */
export const ExperimentRequest = z.strictObject({
  parameter: ParameterName,
  treatment: ParameterValue,
  /** What decides; the first that the parameter may move, unless it is named. */
  metric: z.optional(MetricName),
  /** The smallest absolute difference of the metric that is worth finding. */
  effect: z.number().check(z.positive()),
  statement: z.optional(Sentence),
});
export type ExperimentRequest = z.infer<typeof ExperimentRequest>;

/** POST /v1/experiments/{id}/stop */
export const ExperimentStop = z.strictObject({ reason: z.optional(Sentence) });
export type ExperimentStop = z.infer<typeof ExperimentStop>;

/** POST /v1/tuning */
export const TuningRequest = z.strictObject({
  mode: z.optional(TuningMode),
  pin: z.optional(ParameterValues),
  unpin: z.optional(z.array(ParameterName)),
});
export type TuningRequest = z.infer<typeof TuningRequest>;
export const TuningAnswer = z.object({ tuning: TuningView });
export type TuningAnswer = z.infer<typeof TuningAnswer>;
