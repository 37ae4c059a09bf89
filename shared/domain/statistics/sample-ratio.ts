import { chiSquareSurvival, logBeta } from "./distributions.ts";

/** Units that each arm got, and the shares they should have, in any unit. An arm that got none counts. */
export type Shares = { readonly counts: readonly number[]; readonly weights: readonly number[] };

/** Expected units of an arm below which chi-square is no good approximation (Cochran, 1954). */
const LEAST_EXPECTED = 5;

/**
 * Pearson's chi-square of the counts against their weights, for people to see: it holds for one look.
 * `expectedTooSmall` says that an arm expects too few for it. No units at all: 0 and p 1.
 */
export function sampleRatio({ counts, weights }: Shares): {
  chiSquare: number;
  pValue: number;
  expectedTooSmall: boolean;
} {
  const arms = armsOf(counts, weights);
  const total = sum(counts);
  const expectedTooSmall = arms.some(({ share }) => share * total < LEAST_EXPECTED);
  if (total === 0) return { chiSquare: 0, pValue: 1, expectedTooSmall };
  const chiSquare = sum(arms.map(({ count, share }) => (count - share * total) ** 2 / (share * total)));
  return { chiSquare, pValue: chiSquareSurvival(chiSquare, arms.length - 1), expectedTooSmall };
}

/**
 * ln of the evidence that the arms do not get the shares they should, valid at any time: the counts' probability if the
 * shares came from a Dirichlet distribution around the right ones, over that with the right ones (Lindon and Malek,
 * arXiv 2011.03567). The experiment halts at E >= 100.
 *
 * @param concentration how closely other shares are expected around the right ones, in units
 */
export function sequentialSampleRatio({
  counts,
  weights,
  concentration,
}: Shares & { readonly concentration: number }): { logE: number } {
  const arms = armsOf(counts, weights);
  const prior = arms.map(({ share }) => share * concentration);
  const seen = arms.map(({ count, share }) => share * concentration + count);
  const right = sum(arms.map(({ count, share }) => count * Math.log(share)));
  return { logE: logMultivariateBeta(seen) - logMultivariateBeta(prior) - right };
}

/** ln of the product of the gammas over the gamma of the sum, arm by arm: so its terms are no larger than it is. */
function logMultivariateBeta(values: readonly number[]): number {
  let rest = 0;
  let log = 0;
  for (const value of values) {
    if (rest > 0) log += logBeta(value, rest);
    rest += value;
  }
  return log;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Each arm's units and its share of all. An arm without a count got no units. */
function armsOf(counts: readonly number[], weights: readonly number[]) {
  const total = sum(weights);
  return weights.map((weight, arm) => ({ count: counts[arm] ?? 0, share: weight / total }));
}
