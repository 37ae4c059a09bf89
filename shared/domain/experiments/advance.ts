import type {
  ExperimentRecord,
  ExperimentState,
  LogEntry,
  Look,
  Plan,
  StageTotals,
} from "../../contract/experiments.ts";
import { METRICS } from "../../contract/parameters.ts";
import { assert } from "../assert.ts";
import { normalCdf, tCdf } from "../statistics/distributions.ts";
import { CLUSTERS_MINIMUM, type Estimate } from "./estimate.ts";
import { GUARDRAIL_ALPHA, guardrailThreshold, looksWorse } from "./guardrails.ts";
import { BURN_IN, SEQUENCE_LEVEL, estimateOf, isBurntIn, lookAt } from "./look.ts";
import { isUnsafe, violationsOf } from "./safety-bounds.ts";
import { EQUAL_SHARE, HOLDOUT_NIGHTS, RAMP, SHIPPING, TRANSITIONS, isActive, stepOf } from "./states.ts";

/** Evidence of a wrong split from which on nothing is believed any more: a chance of 1 in 100. */
const SAMPLE_RATIO_LOG_E = Math.log(100);

/** Who decides what nobody asked for. */
export const ENGINE = "engine";

/** A night: its day, and the instant that units must be mature by. Both are of the schedule, not of when it ran. */
export type Night = { readonly day: number; readonly atMs: number };

type Numbers = LogEntry["numbers"];
type Verdict = {
  readonly to: ExperimentState;
  /** Another share from now on; null: as it was. */
  readonly share: number | null;
  readonly reason: string;
  readonly numbers: Numbers;
};

/**
 * An experiment after a night. Pure: the same night of the same units decides the same, and a night that was decided already
 * changes nothing, so it may be run twice, or again after it was killed.
 *
 * The decision is a hybrid: every night a confidence sequence at half the level, which holds at all times at once, and one fixed
 * test at the other half, at the horizon that was set before the first unit. By the union bound both together err with at
 * most the level's chance.
 *
 * @param stages totals of its units that are mature by `night.atMs`
 */
export function advance(
  experiment: ExperimentRecord,
  stages: readonly StageTotals[],
  night: Night,
): ExperimentRecord {
  const { plan } = experiment;
  if (!isActive(experiment) || plan === null || (experiment.night ?? -1) >= night.day) return experiment;
  const look = lookAt(experiment, plan, stages, night.day);
  const nights = nightsSince(experiment.stages[0]?.sinceNight, night.day);
  const ready = isBurntIn(experiment, stages, nights);
  const seen: ExperimentRecord = {
    ...experiment,
    night: night.day,
    looks: [...experiment.looks, look],
    bestLogE: ready ? Math.max(experiment.bestLogE, look.logE) : experiment.bestLogE,
  };
  const atHorizon = isAtHorizon(experiment, plan, look, nights);
  const found = estimateOf(seen, stages);
  const judged =
    seen.state === "running" && seen.fixedP === null && ready && atHorizon && found
      ? { ...seen, fixedP: fixedTest(found) }
      : seen;
  const verdict =
    harmOf(plan, stages, look) ??
    (judged.state === "running"
      ? verdictOf(judged, plan, stages, look, ready, atHorizon)
      : nextOfShipping(judged, night));
  return verdict ? enact(judged, verdict, night, ENGINE) : judged;
}

/**
 * Harm alone, which does not wait for the night: guardrails, bounds and the split. Null if there is none.
 *
 * @param stages totals as of now
 */
export function guard(
  experiment: ExperimentRecord,
  stages: readonly StageTotals[],
  now: Night,
): ExperimentRecord | null {
  const { plan } = experiment;
  if (!isActive(experiment) || plan === null) return null;
  const verdict = harmOf(plan, stages, lookAt(experiment, plan, stages, now.day));
  return verdict ? enact(experiment, verdict, now, ENGINE) : null;
}

/** Why it must end now, if it must. */
function harmOf(plan: Plan, stages: readonly StageTotals[], look: Look): Verdict | null {
  if (look.sampleRatioLogE >= SAMPLE_RATIO_LOG_E)
    return {
      to: "halted",
      share: null,
      reason: "units are not split as they should be, so nothing measured of them can be trusted",
      numbers: { sampleRatioE: eValueOf(look.sampleRatioLogE), limit: 100 },
    };
  const violations = violationsOf(stages);
  if (isUnsafe(violations))
    return {
      to: "rolled_back",
      share: null,
      reason: `past hard bounds: ${violations.map(({ metric, bound }) => `${bound} of ${metric}`).join(", ")}`,
      numbers: Object.fromEntries(
        violations.map(({ metric, bound, value }) => [`${metric}.${bound}`, value]),
      ),
    };
  const threshold = guardrailThreshold(plan.guardrails.length);
  for (const { metric } of plan.guardrails) {
    const logE = look.guardrails[metric] ?? 0;
    if (logE >= threshold)
      return {
        to: "rolled_back",
        share: null,
        reason: `the treatment harms the guardrail ${metric}`,
        numbers: { eValue: eValueOf(logE), limit: eValueOf(threshold), alpha: GUARDRAIL_ALPHA },
      };
  }
  return null;
}

/** Of its logarithm, in which all are kept. Evidence has no upper bound, and JSON no infinity: past this it says no more. */
const eValueOf = (logE: number): number => Math.min(Math.exp(logE), Number.MAX_VALUE);

/**
 * When the one fixed test is made: once there are the planned units, but not before a decision may be made at all; or when the time is
 * up. A fleet that has its units in a day is still watched for a week, as weekends are unlike weekdays.
 */
function isAtHorizon(experiment: ExperimentRecord, plan: Plan, look: Look, nights: number): boolean {
  const enough =
    nights >= BURN_IN.nights &&
    shareOf(experiment) === EQUAL_SHARE &&
    look.control + look.treatment >= plan.horizonUnits;
  return enough || nights >= plan.horizonNights;
}

/** Two-sided, by a normal distribution; with few clusters by a t distribution. Proportions and means of hundreds of units. */
function fixedTest({ estimate, standardError, degreesOfFreedom }: Estimate): number {
  const z = -Math.abs(estimate / standardError);
  return 2 * (degreesOfFreedom === null ? normalCdf(z) : tCdf(z, degreesOfFreedom));
}

/** p of the whole: twice the smaller of the two, each of which has half of the level. */
export function hybridP({ bestLogE, fixedP }: Pick<ExperimentRecord, "bestLogE" | "fixedP">): number {
  const sequenceP = Math.min(1, Math.exp(-bestLogE));
  return Math.min(1, Math.min(sequenceP, fixedP ?? 1) / SEQUENCE_LEVEL);
}

function verdictOf(
  experiment: ExperimentRecord,
  plan: Plan,
  stages: readonly StageTotals[],
  look: Look,
  ready: boolean,
  atHorizon: boolean,
): Verdict | null {
  const { metric } = experiment.hypothesis;
  const p = hybridP(experiment);
  const numbers = numbersOf(look, p, plan);
  const worse = plan.guardrails.find((guardrail) => looksWorse(stages, guardrail));
  if (ready && p <= plan.alpha && look.estimate !== null) {
    const better = METRICS[metric].lowerIsBetter ? look.estimate < 0 : look.estimate > 0;
    if (!better)
      return { to: "rolled_back", share: null, reason: `the treatment makes ${metric} worse`, numbers };
    if (shareOf(experiment) === EQUAL_SHARE && !worse)
      return {
        to: "shipping",
        share: SHIPPING[0]?.share ?? null,
        reason: `the treatment improves ${metric}`,
        numbers,
      };
  }
  if (atHorizon)
    return { to: "inconclusive", share: null, reason: endOf(experiment, worse?.metric, p, plan), numbers };
  const { next, nights } = stepOf(RAMP, shareOf(experiment));
  if (next === null || nightsSince(experiment.stages.at(-1)?.sinceNight, look.night) < nights) return null;
  return { to: "running", share: next, reason: "no harm seen at this share", numbers };
}

/** Why nothing can be concluded at the horizon. */
function endOf({ unit, fixedP }: ExperimentRecord, worse: string | undefined, p: number, plan: Plan): string {
  if (fixedP === null)
    return unit === "host"
      ? `at the horizon an arm still had fewer than ${CLUSTERS_MINIMUM} hosts, or too few units`
      : "at the horizon an arm still had too few units to be judged";
  if (p <= plan.alpha && worse !== undefined)
    return `it improves what it should, but the guardrail ${worse} looks worse`;
  return "no difference was shown by the horizon";
}

function nextOfShipping(experiment: ExperimentRecord, night: Night): Verdict | null {
  const nights = nightsSince(experiment.stages.at(-1)?.sinceNight, night.day);
  const share = shareOf(experiment);
  const numbers = { nights };
  if (experiment.state === "shipping") {
    const step = stepOf(SHIPPING, share);
    if (nights < step.nights) return null;
    const { next } = step;
    if (next !== null) return { to: "shipping", share: next, reason: "no harm seen at this share", numbers };
    return { to: "shipped", share, reason: "no harm seen at any share; the rest is the holdout", numbers };
  }
  return nights >= HOLDOUT_NIGHTS
    ? { to: "shipped", share: null, reason: "the holdout showed no late harm and is given up", numbers }
    : null;
}

const numbersOf = (look: Look, p: number, { alpha }: Plan): Numbers => ({
  control: look.control,
  treatment: look.treatment,
  p,
  alpha,
  ...(look.estimate !== null && { estimate: look.estimate }),
  ...(look.interval && { lower: look.interval[0], upper: look.interval[1] }),
});

const shareOf = ({ stages }: ExperimentRecord): number => stages.at(-1)?.treatmentShare ?? 0;

const nightsSince = (since: number | undefined, day: number): number =>
  since === undefined ? 0 : day - since;

/** Writes a verdict down, with its reason, numbers and time. An experiment that ends allocates nobody any more. */
export function enact(
  experiment: ExperimentRecord,
  { to, share, reason, numbers }: Verdict,
  { day, atMs }: Night,
  by: string,
): ExperimentRecord {
  const { state } = experiment;
  assert(to === state || TRANSITIONS[state].includes(to), `${state} -> ${to}`);
  const before = shareOf(experiment);
  const ends = share === null;
  const treatmentShare = ends ? (to === "shipped" ? 1 : 0) : share;
  return {
    ...experiment,
    state: to,
    stages:
      ends || treatmentShare === before
        ? experiment.stages
        : [...experiment.stages, { treatmentShare, sinceNight: day, sinceMs: atMs }],
    endedAtMs: ends ? atMs : null,
    log: [...experiment.log, { atMs, night: day, by, from: state, to, treatmentShare, reason, numbers }],
  };
}
