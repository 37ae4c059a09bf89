import { betaCdf, betaQuantile, normalCdf } from "../../shared/domain/statistics/distributions.ts";

/** What each repetition gave, held against the bound that the method promises. */
export type Judged = {
  readonly value: number;
  readonly bound: number;
  readonly pass: boolean;
  /** 95 % upper bound of a rate, from 2,000 repetitions on: fewer say little. */
  readonly upper?: number;
};

/** A row fails only if chance would show it this rarely: repetitions are few, and rows are many. */
const PROVEN = 0.001;
const QUOTED_FROM = 2_000;

/** P(X >= x) of a binomial, by the regularised incomplete beta function. */
const atLeast = (x: number, n: number, chance: number): number =>
  x <= 0 ? 1 : betaCdf(chance, x, n - x + 1);

/** A rate that must not be higher. */
export function atMostRate(outcomes: readonly number[], bound: number): Judged {
  const n = outcomes.length;
  const x = outcomes.reduce((sum, one) => sum + one, 0);
  const violated = bound === 0 ? x > 0 : atLeast(x, n, bound) < PROVEN;
  const upper = x === n ? 1 : betaQuantile(0.95, x + 1, n - x);
  return { value: x / n, bound, pass: !violated, ...(n >= QUOTED_FROM && { upper }) };
}

/** A rate that must not be lower. */
export function atLeastRate(outcomes: readonly number[], bound: number): Judged {
  const n = outcomes.length;
  const x = outcomes.reduce((sum, one) => sum + one, 0);
  return { value: x / n, bound, pass: 1 - atLeast(x + 1, n, bound) >= PROVEN };
}

/** A night that half of them must not be later than. What never happened is Infinity. */
export function medianAtMost(outcomes: readonly number[], bound: number): Judged {
  const sorted = [...outcomes].sort((a, b) => a - b);
  const late = outcomes.filter((one) => one > bound).length;
  return {
    value: sorted[Math.floor((sorted.length - 1) / 2)] ?? Infinity,
    bound,
    pass: atLeast(late, outcomes.length, 0.5) >= PROVEN,
  };
}

/** A mean that must not be higher. */
export function atMostMean(outcomes: readonly number[], bound: number): Judged {
  const n = outcomes.length;
  const mean = outcomes.reduce((sum, one) => sum + one, 0) / n;
  const variance = outcomes.reduce((sum, one) => sum + (one - mean) ** 2, 0) / Math.max(1, n - 1);
  const error = Math.sqrt(variance / n);
  return { value: mean, bound, pass: mean <= bound || normalCdf((bound - mean) / error) >= PROVEN };
}

/** One rate as a part of another, which it must not be below. */
export function atLeastPart(ours: readonly number[], others: readonly number[], bound: number): Judged {
  const rate = (outcomes: readonly number[]) =>
    outcomes.reduce((sum, one) => sum + one, 0) / Math.max(1, outcomes.length);
  const a = rate(ours);
  const b = rate(others);
  const error = Math.sqrt((a * (1 - a)) / ours.length + (bound ** 2 * b * (1 - b)) / others.length);
  const missing = a - bound * b;
  return { value: a / b, bound, pass: missing >= 0 || normalCdf(missing / error) >= PROVEN };
}
