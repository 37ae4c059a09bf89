import { logBeta, logBetaCdf } from "./distributions.ts";

export type RareEvents = {
  readonly treatmentEvents: number;
  readonly controlEvents: number;
  /** The treatment's share of the traffic, in (0, 1): of all events, what it has if it causes none. */
  readonly treatmentShare: number;
};

/**
 * The evidence that the treatment has more than its share of rare events, such as crashes. Exact, and valid at any
 * time: given an event, it is the treatment's with probability `treatmentShare` if the treatment changes nothing, and
 * the alternative is uniform above that (Lindon and Malek, arXiv 2011.03567, truncated to one side).
 *
 * With x and y events, r the share and I the regularised incomplete beta:
 * E = B(1 + x, 1 + y) (1 - I_r(1 + x, 1 + y)) / (1 - r) / (r^x (1 - r)^y). Of separate stages E multiplies.
 * `eValue` is Infinity where e^logE is more than a number can hold.
 */
export function rareEventGuardrail({ treatmentEvents: x, controlEvents: y, treatmentShare: r }: RareEvents): {
  eValue: number;
  logE: number;
} {
  const logE =
    logBeta(1 + x, 1 + y) + logBetaCdf(1 - r, 1 + y, 1 + x) - (1 + y) * Math.log1p(-r) - x * Math.log(r);
  return { eValue: Math.exp(logE), logE };
}
