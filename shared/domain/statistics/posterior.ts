import { betaCdf, betaQuantile } from "./distributions.ts";

/** Of a Beta distribution: as if so many successes and failures had been seen. Both at least .1. */
export type BetaPrior = readonly [successes: number, failures: number];

export type PosteriorQuestion = {
  readonly successes: number;
  readonly n: number;
  readonly prior: BetaPrior;
  /** Probability inside the interval, in (0, 1). */
  readonly level: number;
};

/** What is believed of a rate after `successes` of `n`: its mean, and the interval with equal tails. */
export function posterior({ successes, n, prior, level }: PosteriorQuestion): {
  mean: number;
  interval: readonly [number, number];
} {
  const { a, b } = update([successes, n], prior);
  const tail = (1 - level) / 2;
  // The upper end is the mirrored lower end, so that a rate near 1 keeps the digits of its distance from 1.
  return { mean: a / (a + b), interval: [betaQuantile(tail, a, b), 1 - betaQuantile(tail, b, a)] };
}

export type BeatQuestion = {
  readonly control: readonly [successes: number, n: number];
  readonly treatment: readonly [successes: number, n: number];
  readonly prior: BetaPrior;
};

/**
 * The probability that the treatment's rate is the greater one, and what is lost on average by choosing it: the mean of
 * control - treatment where that is positive, else 0. To be displayed beside a decision; a rule that acts on it nightly
 * is wrong half of the time.
 */
export function probabilityToBeat({ control, treatment, prior }: BeatQuestion): {
  probability: number;
  expectedLoss: number;
} {
  const c = update(control, prior);
  const t = update(treatment, prior);
  // x Beta(x; a, b) is the mean times Beta(x; a + 1, b), which turns the loss into two more such probabilities.
  const loss = meanOf(c) * exceeds(raise(c), t) - meanOf(t) * exceeds(c, raise(t));
  return { probability: exceeds(t, c), expectedLoss: Math.max(0, loss) };
}

type Beta = { readonly a: number; readonly b: number };

const update = ([successes, n]: readonly [number, number], [a, b]: BetaPrior): Beta => ({
  a: a + successes,
  b: b + n - successes,
});
const meanOf = ({ a, b }: Beta) => a / (a + b);
const raise = ({ a, b }: Beta): Beta => ({ a: a + 1, b });
/** The standard deviation of the log odds, about. */
const spread = ({ a, b }: Beta) => Math.sqrt(1 / a + 1 / b);

/**
 * P(X > Y). The density of the narrower one meets the distribution function of the wider, which hardly changes within
 * a step.
 */
function exceeds(x: Beta, y: Beta): number {
  return spread(x) <= spread(y)
    ? meanOver(x, (value, rest) => below(y, value, rest))
    : meanOver(y, (value, rest) => below({ a: x.b, b: x.a }, rest, value));
}

/** P(X <= value), by the smaller of `value` and 1 - `value`: next to 1 only the latter has digits. */
function below({ a, b }: Beta, value: number, rest: number): number {
  return value < rest ? betaCdf(value, a, b) : 1 - betaCdf(rest, b, a);
}

/** The mean of a function of `value` and 1 - `value`, by the trapezoid rule over the log odds from their mode. */
function meanOver({ a, b }: Beta, of: (value: number, rest: number) => number): number {
  const p = a / (a + b);
  const mode = Math.log(a / b);
  const scale = spread({ a, b });
  const step = Math.min(scale, 1) / 5;
  let sum = 0;
  let mass = 0;
  // The density falls as a normal one, then exponentially: at these ends it is below e^-40 of its height.
  const last = 40 / b + 9 * scale;
  for (let d = -40 / a - 9 * scale; d < last; d += step) {
    const density = Math.exp(
      d < 0
        ? a * d - (a + b) * Math.log1p(p * Math.expm1(d))
        : -b * d - (a + b) * Math.log1p((1 - p) * Math.expm1(-d)),
    );
    mass += density;
    sum += density * of(1 / (1 + Math.exp(-mode - d)), 1 / (1 + Math.exp(mode + d)));
  }
  return sum / mass;
}
