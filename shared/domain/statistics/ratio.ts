import { sampleVariance } from "./arm.ts";

type Sums = { readonly sum: number; readonly sumSquares: number };

export type RatioQuestion = {
  /** Units, each of which has a numerator and a denominator. */
  readonly n: number;
  readonly numerator: Sums;
  readonly denominator: Sums;
  /** Sum of numerator times denominator. */
  readonly sumProducts: number;
};

/**
 * The ratio of two means over the same units, such as cost per finished task where sessions finish several, by the
 * delta method (Deng, Knoblich and Lu, KDD 2018). With fewer than two units or a denominator of 0 the standard error
 * is infinite, and with the latter the estimate is 0.
 */
export function ratioOfMeans({ n, numerator, denominator, sumProducts }: RatioQuestion): {
  estimate: number;
  standardError: number;
} {
  if (n === 0 || denominator.sum === 0) return { estimate: 0, standardError: Infinity };
  const estimate = numerator.sum / denominator.sum;
  if (n < 2) return { estimate, standardError: Infinity };
  const covariance = (sumProducts - (numerator.sum * denominator.sum) / n) / (n - 1);
  const variance =
    sampleVariance(n, numerator) +
    estimate * estimate * sampleVariance(n, denominator) -
    2 * estimate * covariance;
  const scale = Math.abs(denominator.sum / n);
  return { estimate, standardError: Math.sqrt(Math.max(0, variance) / n) / scale };
}
