import type { Arm } from "./arm.ts";
import { type Bounds, boundsOf } from "./bounds.ts";
import { type Adjusted, type Scale, type Side, adjust, difference } from "./difference.ts";
import { tCdf, tQuantile } from "./distributions.ts";

export type MeansQuestion = {
  readonly control: Arm;
  readonly treatment: Arm;
  /** The error to allow, in (0, 1): on one side if the question has one. */
  readonly alpha: number;
  readonly scale: Scale;
  readonly side: Side;
};

export type MeansAnswer = {
  readonly estimate: number;
  readonly standardError: number;
  readonly pValue: number;
} & Bounds;

/**
 * Welch's test of two means or proportions (Biometrika, 1947): Student's t with Satterthwaite's degrees of freedom, of
 * the absolute difference on both scales. One fixed look: who looks again and again needs `confidenceSequence`.
 *
 * Without enough data p is 1 and the bounds are infinite, as the standard error is.
 */
export function compareMeans({ control, treatment, alpha, scale, side }: MeansQuestion): MeansAnswer {
  const { estimate, standardError } = difference(control, treatment, scale);
  if (standardError === Infinity)
    return { estimate, standardError, pValue: 1, ...boundsOf(estimate, Infinity, side) };
  const df = degreesOfFreedom(...adjust(control, treatment));
  const t = estimate / standardError;
  const pValue =
    side === "two" ? 2 * tCdf(-Math.abs(t), df) : side === "greater" ? tCdf(-t, df) : tCdf(t, df);
  const halfWidth = -tQuantile(side === "two" ? alpha / 2 : alpha, df) * standardError;
  return { estimate, standardError, pValue, ...boundsOf(estimate, halfWidth, side) };
}

/** Satterthwaite's (Biometrics Bulletin, 1946). */
function degreesOfFreedom(control: Adjusted, treatment: Adjusted): number {
  const c = control.variance / control.n;
  const t = treatment.variance / treatment.n;
  return (c + t) ** 2 / ((c * c) / (control.n - 1) + (t * t) / (treatment.n - 1));
}
