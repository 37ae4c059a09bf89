import type { ExperimentRecord, Hypothesis, Plan } from "../../contract/experiments.ts";
import { METRICS, type ParameterName, parameterOf } from "../../contract/parameters.ts";
import { londLevel } from "../statistics/multiple-testing.ts";
import { normalQuantile } from "../statistics/distributions.ts";
import { DAY_MS } from "./day.ts";
import { BURN_IN } from "./look.ts";

/** False discovery rate over all experiments of a fleet (LOND; Javanmard & Montanari). */
export const FDR_ALPHA = 0.1;
/** Chance to find the effect that is planned for. */
export const POWER = 0.8;
/** The longest an experiment may take, in nights: what it would find later is of another fleet. */
export const HORIZON_NIGHTS = 60;
/** A unit counts a day after its exposure. */
export const MATURES_AFTER_MS = DAY_MS;
/** The sequence is tightest at this part of the horizon. */
const TUNING_PART = 0.25;
/** What the sequence costs against one fixed test, in units: it has half of the level, and looks every night. */
const HYBRID_UNITS_FACTOR = 1.2;
/** Harm of a guarded mean that is tolerated, as a part of what is usual. */
const MARGIN_PART = 0.1;

/** What the fleet's history says of the metric. */
export type History = {
  /** Units of the analysed kind a night, of which the metric is known. */
  readonly unitsPerNight: number;
  readonly mean: number;
  readonly variance: number;
  /** How much larger the variance of a mean is than with independent units, where hosts are randomised; else 1. */
  readonly designEffect: number;
  /** Hosts with such units, where hosts are randomised. */
  readonly hosts?: number;
  readonly winsorAt: number | null;
  readonly covariate: Plan["covariate"];
  /** Usual means of the guardrails, where known. */
  readonly guardrails: Readonly<Record<string, number>>;
};

/** Experiments of this fleet before this one, in their order of launch, and how many of them found something. */
export type Series = { readonly launched: number; readonly discoveries: number };

export type Planned =
  | { readonly kind: "planned"; readonly plan: Plan }
  /** Its effect cannot be seen in time: what could be, and how long this would take. */
  | {
      readonly kind: "undetectable";
      readonly nights: number;
      readonly unitsNeeded: number;
      readonly detectable: number;
    };

/**
 * Fixes everything that is fixed before the first unit: the level by the experiments before, the horizon by the effect that is
 * expected. Refuses what the traffic cannot show within the longest horizon.
 */
export function planExperiment(
  parameter: ParameterName,
  hypothesis: Hypothesis,
  history: History,
  { launched, discoveries }: Series,
): Planned {
  const alpha = londLevel({
    alpha: FDR_ALPHA,
    gamma: "power-1.6",
    index: launched + 1,
    discoveries,
  });
  const effect = Math.abs(hypothesis.effect);
  const variance = history.variance * history.designEffect;
  const unitsNeeded = Math.ceil(unitsFor(effect, variance, alpha));
  const available = history.unitsPerNight * HORIZON_NIGHTS;
  const nights = history.unitsPerNight > 0 ? Math.ceil(unitsNeeded / history.unitsPerNight) : Infinity;
  if (effect === 0 || unitsNeeded > available)
    return {
      kind: "undetectable",
      nights,
      unitsNeeded,
      detectable: available > 0 ? Math.sqrt(unitsFor(1, variance, alpha) / available) : Infinity,
    };
  const horizonUnits = Math.max(unitsNeeded, 2 * BURN_IN.units);
  return {
    kind: "planned",
    plan: {
      alpha,
      index: launched + 1,
      discoveries,
      power: POWER,
      mde: effect,
      horizonUnits,
      // Later only if there are fewer units than usual.
      horizonNights: HORIZON_NIGHTS,
      tuningUnits: Math.max(BURN_IN.units, Math.round(horizonUnits * TUNING_PART)),
      maturesAfterMs: MATURES_AFTER_MS,
      winsorAt: history.winsorAt,
      covariate: history.covariate,
      guardrails: parameterOf(parameter)
        .guardrails.filter((metric) => metric !== hypothesis.metric)
        .map((metric) => {
          const baseline = history.guardrails[metric] ?? null;
          return {
            metric,
            baseline,
            margin: METRICS[metric].rare ? 0 : MARGIN_PART * Math.abs(baseline ?? 0),
          };
        }),
    },
  };
}

/** Units of two equal arms together that find a difference with `POWER`, by a two-sided test at this level. */
function unitsFor(effect: number, variance: number, alpha: number): number {
  const z = normalQuantile(1 - alpha / 2) + normalQuantile(POWER);
  const square = effect ** 2;
  // Also of an effect so small that its square is none: without variance it would be no number.
  return square === 0 ? Infinity : (HYBRID_UNITS_FACTOR * 4 * variance * z ** 2) / square;
}

/** What came before, by the record. */
export function nextInSeries(experiments: readonly ExperimentRecord[]): Series {
  const launched = experiments.filter(({ plan }) => plan !== null);
  // A discovery that was rolled back later was one all the same: levels never depend on what came after.
  const discoveries = launched.filter(({ log }) =>
    log.some(({ to, from }) => from === "running" && to === "shipping"),
  );
  return { launched: launched.length, discoveries: discoveries.length };
}
