import { quantile, sum } from "simple-statistics";
import type { Arm } from "./arm.ts";

/** An arm from the values of its units, for whoever has them all; sums are enough for everybody else. */
export function armOf(values: readonly number[]): Arm {
  return {
    kind: "mean",
    n: values.length,
    sum: sum([...values]),
    sumSquares: sum(values.map((value) => value * value)),
  };
}

/**
 * The value that all but a share of the units stay below, from data of before the launch: frozen then, so that the
 * experiment's own values can not move it. Infinity, which caps nothing, if there is no data.
 *
 * @param share of the values to keep as they are, in (0, 1)
 */
export function winsorThreshold(values: readonly number[], share: number): number {
  return values.length === 0 ? Infinity : quantile([...values], share);
}

/** Caps values at a threshold. What is left is a mean of its own: for money the raw one is shown beside it. */
export function winsorise(values: readonly number[], threshold: number): number[] {
  return values.map((value) => Math.min(value, threshold));
}
