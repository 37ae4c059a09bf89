import type { Moments } from "../../contract/rollup.ts";
import { chiSquareQuantile } from "../statistics/distributions.ts";

/** How far groups differ beyond what chance makes of their units. */
export type Between = {
  /** Variance of the groups' own means; negative if they differ less than by chance. */
  readonly between: number;
  /** Of the units of a group. */
  readonly within: number;
  readonly groups: number;
  /** Bounds of `between` at a level on each side. */
  readonly boundsAt: (level: number) => readonly [number, number];
};

/**
 * One-way analysis of variance by moments alone (Searle, Casella and McCulloch, Variance Components, 1992, 3.6). The mean square
 * between groups is taken for a multiple of chi-square, which units by the dozen in each group make it. Null without two groups, or
 * units to tell them apart by.
 */
export function varianceBetween(groups: readonly Moments[]): Between | null {
  const k = groups.length;
  const n = sum(groups, (one) => one.n);
  if (k < 2 || n <= k) return null;
  const mean = sum(groups, (one) => one.y) / n;
  const squares = sum(groups, (one) => one.n * (one.y / one.n - mean) ** 2);
  const within = sum(groups, (one) => Math.max(0, one.yy - (one.y * one.y) / one.n)) / (n - k);
  const size = (n - sum(groups, (one) => one.n * one.n) / n) / (k - 1);
  const betweenBy = (divisor: number) => (squares / divisor - within) / size;
  return {
    between: betweenBy(k - 1),
    within,
    groups: k,
    boundsAt: (level) => [
      betweenBy(chiSquareQuantile(1 - level, k - 1)),
      betweenBy(chiSquareQuantile(level, k - 1)),
    ],
  };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}
