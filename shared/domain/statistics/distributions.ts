import betainc from "@stdlib/math-base-special-betainc";
import betaln from "@stdlib/math-base-special-betaln";
import erfcinv from "@stdlib/math-base-special-erfcinv";
import erfcx from "@stdlib/math-base-special-erfcx";
import gammainc from "@stdlib/math-base-special-gammainc";
import betaQuantileOf from "@stdlib/stats-base-dists-beta-quantile";
import chiSquareQuantileOf from "@stdlib/stats-base-dists-chisquare-quantile";
import normalCdfOf from "@stdlib/stats-base-dists-normal-cdf";
import tCdfOf from "@stdlib/stats-base-dists-t-cdf";
import tQuantileOf from "@stdlib/stats-base-dists-t-quantile";

/**
 * The distributions, and the only file that knows which library computes them (docs/decisions/0401-distributions.md).
 * An upper tail is the lower tail of the mirrored argument: 1 - CDF(x) has no digits left where CDF(x) is nearly 1.
 */

/** P(Z <= x) of the standard normal. Its upper tail is `normalCdf(-x)`. */
export function normalCdf(x: number): number {
  return normalCdfOf(x, 0, 1);
}

/** ln P(Z <= x) + x^2 / 2, which stays finite far out in both tails: there the two nearly cancel. */
export function logScaledNormalCdf(x: number): number {
  return x < 0 ? Math.log(erfcx(-x / Math.SQRT2) / 2) : Math.log(normalCdf(x)) + (x * x) / 2;
}

/** The x with P(Z <= x) = p. The library's own starts from 2p - 1 and so knows no p below 1e-16. */
export function normalQuantile(p: number): number {
  return p > 0.5 ? Math.SQRT2 * erfcinv(2 * (1 - p)) : -Math.SQRT2 * erfcinv(2 * p);
}

/** P(T <= x) of Student's t; degrees of freedom need not be whole. Its upper tail is `tCdf(-x, df)`. */
export function tCdf(x: number, degreesOfFreedom: number): number {
  return tCdfOf(x, degreesOfFreedom);
}

export function tQuantile(p: number, degreesOfFreedom: number): number {
  return tQuantileOf(p, degreesOfFreedom);
}

/** P(X > x) of chi-square. */
export function chiSquareSurvival(x: number, degreesOfFreedom: number): number {
  return gammainc(x / 2, degreesOfFreedom / 2, true, true);
}

export function chiSquareQuantile(p: number, degreesOfFreedom: number): number {
  return chiSquareQuantileOf(p, degreesOfFreedom);
}

/** P(X <= x) of Beta(a, b): the regularised incomplete beta. Its upper tail is `betaCdf(1 - x, b, a)`. */
export function betaCdf(x: number, a: number, b: number): number {
  return betainc(x, a, b, true, false);
}

export function betaQuantile(p: number, a: number, b: number): number {
  return betaQuantileOf(p, a, b);
}

/** Below this a number loses digits, and then is 0. */
const TINY = 1e-290;

/** ln P(X <= x) of Beta(a, b), also where P is less than a number can hold. */
export function logBetaCdf(x: number, a: number, b: number): number {
  const probability = betaCdf(x, a, b);
  if (probability > TINY || x <= 0) return Math.log(probability);
  return a * Math.log(x) + b * Math.log1p(-x) - Math.log(a) - logBeta(a, b) + Math.log(betaFraction(x, a, b));
}

/** ln B(a, b). */
export function logBeta(a: number, b: number): number {
  return betaln(a, b);
}

/**
 * The continued fraction of the incomplete beta, by Lentz's method (DLMF 8.17.22; Thompson and Barnett, 1986). It
 * converges fast in the lower tail, x < (a + 1) / (a + b + 2), which is where a probability is tiny.
 */
function betaFraction(x: number, a: number, b: number): number {
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    fraction *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return fraction;
}

/** Points of the integral below. Twice as many change nothing in the twelfth digit. */
const NODES = 600;

/**
 * P(T > x) of the noncentral t with at least one degree of freedom, for x >= 0: the mean of P(Z > x s - ncp) over
 * s = sqrt(chi-square / df) (Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 2, 31.5). The
 * trapezoid rule over ln s, whose density falls off exponentially on both sides, converges faster than any power.
 */
export function noncentralTSurvival(x: number, degreesOfFreedom: number, noncentrality: number): number {
  const df = degreesOfFreedom;
  const right = 9 / Math.sqrt(df);
  const left = 40 / df + right;
  const step = (left + right) / NODES;
  let sum = 0;
  let mass = 0;
  for (let i = 0; i <= NODES; i++) {
    const u = -left + i * step;
    // Without its constant, which the sum of the densities supplies.
    const density = Math.exp(df * (u - Math.expm1(2 * u) / 2));
    mass += density;
    sum += density * normalCdf(noncentrality - x * Math.exp(u));
  }
  return sum / mass;
}
