/** What is known of a covariate X beside the outcome Y: sums over the same units. `sumProducts` is that of X * Y. */
export type Covariate = { readonly sum: number; readonly sumSquares: number; readonly sumProducts: number };

/**
 * One arm of an experiment, as sums over its `n` units, so that days, hosts and stages add up.
 *
 * - `mean`: any number a unit; its variance has n - 1 below it.
 * - `proportion`: `sum` units of `n` had the outcome; its variance is p (1 - p), without n - 1.
 */
export type Arm =
  | {
      readonly kind: "mean";
      readonly n: number;
      readonly sum: number;
      readonly sumSquares: number;
      readonly covariate?: Covariate | undefined;
    }
  | {
      readonly kind: "proportion";
      readonly n: number;
      readonly sum: number;
      readonly covariate?: Covariate | undefined;
    };

/** The mean of the outcome; 0 of no units. */
export function meanOf(arm: Pick<Arm, "n" | "sum">): number {
  return arm.n > 0 ? arm.sum / arm.n : 0;
}

/** The variance of one unit's outcome; 0 if there are too few units to have one. Never negative. */
export function varianceOf(arm: Arm): number {
  if (arm.kind === "mean") return sampleVariance(arm.n, arm);
  const p = meanOf(arm);
  return Math.max(0, p * (1 - p));
}

/** The variance of values of which two sums are known; rounding can not make it negative. */
export function sampleVariance(n: number, { sum, sumSquares }: { sum: number; sumSquares: number }): number {
  return n > 1 ? Math.max(0, (sumSquares - (sum * sum) / n) / (n - 1)) : 0;
}
