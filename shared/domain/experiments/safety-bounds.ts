import type { StageTotals } from "../../contract/experiments.ts";
import { METRICS, type MetricName } from "../../contract/parameters.ts";
import { countOf } from "./estimate.ts";

/**
 * Limits of what a treatment may do, that need no statistics: `max` and `min` of its mean, `maxIncrease` as a factor of the control's, `critical`
 * at once. One value past `critical`, or two past the others, rolls back.
 */
export type SafetyBound = {
  readonly max?: number;
  readonly min?: number;
  readonly maxIncrease?: number;
  readonly critical?: number;
};

export const SAFETY_BOUNDS: Readonly<Partial<Record<MetricName, SafetyBound>>> = {
  crashed: { max: 0.25, maxIncrease: 3, critical: 0.6 },
  failed: { max: 0.25, maxIncrease: 3, critical: 0.6 },
  completed: { min: 0.25, critical: 0.05 },
  checkpointsPerHour: { max: 60, maxIncrease: 6, critical: 120 },
  costUsd: { maxIncrease: 2, critical: 50 },
};

/** A mean of fewer units is chance: no bound is held against it. */
export const VALIDATED_UNITS = 40;

export type Violation = {
  readonly metric: MetricName;
  readonly bound: keyof SafetyBound;
  readonly value: number;
  readonly limit: number;
};

/** Every bound that the treatment's mean is past. A metric that is not known, or of too few units, is past none. */
export function violationsOf(stages: readonly StageTotals[]): Violation[] {
  return (Object.entries(SAFETY_BOUNDS) as [MetricName, SafetyBound][]).flatMap(([metric, bound]) => {
    const treatment = countOf(stages, "treatment", metric);
    const control = countOf(stages, "control", metric);
    if (treatment.n < VALIDATED_UNITS) return [];
    const value = treatment.y / treatment.n;
    const usual = control.n >= VALIDATED_UNITS ? control.y / control.n : null;
    return past(metric, bound, value, usual);
  });
}

function past(metric: MetricName, bound: SafetyBound, value: number, usual: number | null): Violation[] {
  const { max, min, maxIncrease, critical } = bound;
  const low = !METRICS[metric].lowerIsBetter;
  const found: Violation[] = [];
  if (max !== undefined && value > max) found.push({ metric, bound: "max", value, limit: max });
  if (min !== undefined && value < min) found.push({ metric, bound: "min", value, limit: min });
  // Of a control without events any event is infinitely more.
  if (maxIncrease !== undefined && usual !== null && usual > 0 && value > usual * maxIncrease)
    found.push({ metric, bound: "maxIncrease", value, limit: usual * maxIncrease });
  // What is usual in this fleet is not the treatment's doing.
  const beyond = critical !== undefined && (low ? value < critical : value > critical);
  const usualBeyond = critical !== undefined && usual !== null && (low ? usual < critical : usual > critical);
  if (beyond && !usualBeyond) found.push({ metric, bound: "critical", value, limit: critical });
  return found;
}

/** Whether these roll back: any critical one, or two. */
export const isUnsafe = (violations: readonly Violation[]): boolean =>
  violations.length >= 2 || violations.some(({ bound }) => bound === "critical");
