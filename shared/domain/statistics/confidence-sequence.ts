import { assert } from "../assert.ts";
import type { Arm } from "./arm.ts";
import { type Bounds, boundsOf } from "./bounds.ts";
import { type Difference, type Scale, type Side, difference } from "./difference.ts";
import { logScaledNormalCdf } from "./distributions.ts";

/**
 * Asymptotic confidence sequences: intervals that hold at all times together, so that somebody may look every night
 * and stop when they like (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, arXiv 2103.06476).
 */

/**
 * rho squared: where the sequence is at its narrowest, at about `tuningSampleSize` units of both arms. Fixed before
 * the first look. A one-sided sequence takes it at 2 alpha, and so has an alpha below one half.
 */
export function tuning(alpha: number, tuningSampleSize: number): number {
  const twice = -2 * Math.log(alpha);
  return (twice + Math.log1p(twice)) / tuningSampleSize;
}

export type SequenceQuestion = Difference & {
  readonly alpha: number;
  readonly tuningSampleSize: number;
  readonly side: Side;
};

export type SequenceAnswer = {
  readonly halfWidth: number;
  /**
   * ln of the evidence E against "no difference" (on the side asked for): under it, E exceeds 1 / alpha ever with
   * probability alpha at most. Natural logarithm, since E itself overflows.
   */
  readonly logE: number;
  readonly pValue: number;
} & Bounds;

/**
 * The sequence's present interval, evidence and p-value.
 *
 * Two-sided, p = min(1, 1 / E). One-sided, E is the mixture over a half-normal effect, and p is the alpha at which the
 * closed-form bound (arXiv 2103.06476, eq. 134), with the same rho, just touches 0. That p excludes 0 exactly when the bound
 * does, and is no less than 1 / E: e^(x^2 / 2) - 1 <= e^(x^2 / 2) P(Z <= x) for all x >= 0.
 *
 * Without enough data (no units, or a standard error that is 0 or infinite) the half width is infinite, E and p are 1.
 */
export function sequence(question: SequenceQuestion): SequenceAnswer {
  const { estimate, standardError, n, alpha, tuningSampleSize, side } = question;
  if (!(n > 0 && standardError > 0 && standardError < Infinity))
    return { halfWidth: Infinity, logE: 0, pValue: 1, ...boundsOf(estimate, Infinity, side) };
  const twoSided = side === "two";
  assert(twoSided || alpha < 0.5, "a one-sided sequence has an alpha below one half");
  const units = n * tuning(twoSided ? alpha : 2 * alpha, tuningSampleSize);
  const logRoot = Math.log1p(units) / 2;
  const logThreshold = twoSided ? logRoot - Math.log(alpha) : Math.log1p(Math.exp(logRoot) / (2 * alpha));
  const halfWidth = standardError * Math.sqrt(2 * (1 + 1 / units) * logThreshold);
  const z = ((side === "less" ? -1 : 1) * estimate) / standardError;
  const x = z / Math.sqrt(1 + 1 / units);
  const [logE, pValue] = twoSided ? twoSidedEvidence(x, logRoot) : oneSidedEvidence(x, logRoot);
  return { halfWidth, logE, pValue, ...boundsOf(estimate, halfWidth, side) };
}

/** logE and p, for x = z sqrt(n rho^2 / (n rho^2 + 1)) and logRoot = ln sqrt(n rho^2 + 1). */
type Evidence = readonly [logE: number, pValue: number];

function twoSidedEvidence(x: number, logRoot: number): Evidence {
  const logE = (x * x) / 2 - logRoot;
  return [logE, Math.min(1, Math.exp(-logE))];
}

function oneSidedEvidence(x: number, logRoot: number): Evidence {
  const logE = Math.LN2 + logScaledNormalCdf(x) - logRoot;
  if (x <= 0) return [logE, 1];
  const half = (x * x) / 2;
  // ln(e^half - 1), which is half itself as soon as e^half might overflow.
  const logRise = half > 40 ? half : Math.log(Math.expm1(half));
  return [logE, Math.min(1, Math.exp(logRoot - Math.LN2 - logRise))];
}

export type ConfidenceSequenceQuestion = {
  readonly control: Arm;
  readonly treatment: Arm;
  readonly alpha: number;
  readonly tuningSampleSize: number;
  readonly scale: Scale;
  readonly side: Side;
};

/** The sequence of the difference between two arms. */
export function confidenceSequence(question: ConfidenceSequenceQuestion): Difference & SequenceAnswer {
  const { control, treatment, scale, alpha, tuningSampleSize, side } = question;
  const found = difference(control, treatment, scale);
  return { ...found, ...sequence({ ...found, alpha, tuningSampleSize, side }) };
}
