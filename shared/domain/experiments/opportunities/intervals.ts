import type { Moments } from "../../../contract/rollup.ts";
import { normalQuantile } from "../../statistics/distributions.ts";
import { meanOf, varianceOf } from "../history.ts";

/**
 * Estimates with their errors, from counts and sums of independent units. Those that are positive are kept as logarithms, where
 * products, ratios and skewed sums have a normal error.
 */
export type Estimate = { readonly value: number; readonly error: number };

/** Intervals that are told to people: 95 %. */
export const TOLD = normalQuantile(0.975);
/**
 * What must lie outside for a finding: 1 in 200 on that side. A night asks about ten such questions of data without any problem,
 * and may find something in 1 night of 20.
 */
export const PROVEN_LEVEL = 0.005;
export const PROVEN = normalQuantile(1 - PROVEN_LEVEL);

export type Interval = readonly [number, number];

/** Of a proportion (Wilson, 1927). */
export function wilson(count: number, n: number, z: number): Interval {
  const p = count / n;
  const middle = p + (z * z) / (2 * n);
  const half = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  const scale = 1 + (z * z) / n;
  return [Math.max(0, (middle - half) / scale), Math.min(1, (middle + half) / scale)];
}

export const around = ({ value, error }: Estimate, z: number): Interval => [
  value - z * error,
  value + z * error,
];

/** Of a positive estimate whose error is that of its logarithm. */
export const aroundLog = ({ value, error }: Estimate, z: number): Interval => [
  value * Math.exp(-z * error),
  value * Math.exp(z * error),
];

/** Mean and its standard error. */
export const meanEstimate = (moments: Moments): Estimate => ({
  value: meanOf(moments),
  error: Math.sqrt(varianceOf(moments) / moments.n),
});

/** Difference of two independent estimates. */
export const minus = (a: Estimate, b: Estimate): Estimate => ({
  value: a.value - b.value,
  error: Math.hypot(a.error, b.error),
});

/** Product of two independent estimates (delta method). */
export const times = (a: Estimate, b: Estimate): Estimate => ({
  value: a.value * b.value,
  error: Math.hypot(a.value * b.error, b.value * a.error),
});

/** Share of units, and its standard error. */
export function shareEstimate(count: number, n: number): Estimate {
  const p = count / n;
  return { value: p, error: Math.sqrt((p * (1 - p)) / n) };
}

/** Events among so much exposure: of units, or of steps that units took. */
export type Rate = { readonly events: number; readonly exposure: number };

/**
 * How many times as often something happens in `a` as in `b`; the error is that of the logarithm. Half an event is added to each, so
 * that a rate without any is no proof (Haldane).
 */
export function rateRatio(a: Rate, b: Rate): Estimate {
  const [one, other] = [a.events + 0.5, b.events + 0.5];
  return { value: one / a.exposure / (other / b.exposure), error: Math.sqrt(1 / one + 1 / other) };
}

/** A mean over another, as a ratio; the error is that of the logarithm, as if they were independent. */
export function meanRatio(a: Moments, b: Moments): Estimate {
  const [one, other] = [meanEstimate(a), meanEstimate(b)];
  return {
    value: one.value / other.value,
    error: Math.hypot(one.error / one.value, other.error / other.value),
  };
}
