/** How the error is shared out over the hypotheses of a stream. Both sum to 1 or less. */
export type Gamma = "javanmard-montanari" | "power-1.6";

/** The sum of j^-1.6 over all j, Riemann's zeta(1.6). */
const ZETA_1_6 = 2.2857656656801293;

export type LondStep = {
  readonly alpha: number;
  readonly gamma: Gamma;
  /** Which hypothesis this is, from 1. */
  readonly index: number;
  /** Hypotheses rejected before it. */
  readonly discoveries: number;
};

/**
 * The level of one experiment of a stream, by LOND: alpha gamma_j (discoveries + 1), which keeps the rate of false
 * discoveries at alpha (Javanmard and Montanari, arXiv 1502.06197). An experiment gets it when it is launched.
 */
export function londLevel({ alpha, gamma, index, discoveries }: LondStep): number {
  return alpha * shareOf(gamma, index) * (discoveries + 1);
}

function shareOf(gamma: Gamma, j: number): number {
  return gamma === "power-1.6"
    ? j ** -1.6 / ZETA_1_6
    : (0.07720838 * Math.log(Math.max(j, 2))) / (j * Math.exp(Math.sqrt(Math.log(j))));
}

/** 1 for each rejected hypothesis, in the order they were given. */
export type Rejections = number[];

/** LOND over p-values in the order in which they came. */
export function onlineFdr({
  pValues,
  alpha,
  gamma,
}: {
  readonly pValues: readonly number[];
  readonly alpha: number;
  readonly gamma: Gamma;
}): { levels: number[]; rejected: Rejections } {
  const levels: number[] = [];
  const rejected: Rejections = [];
  let discoveries = 0;
  for (const [i, pValue] of pValues.entries()) {
    const level = londLevel({ alpha, gamma, index: i + 1, discoveries });
    const reject = pValue <= level;
    levels.push(level);
    rejected.push(Number(reject));
    discoveries += Number(reject);
  }
  return { levels, rejected };
}

/**
 * Rejects the k smallest p-values, for the greatest k whose k-th is at most k alpha / K (Benjamini and Hochberg,
 * 1995). Holds for independent hypotheses, and some dependent ones.
 */
export function benjaminiHochberg({
  pValues,
  alpha,
}: {
  readonly pValues: readonly number[];
  readonly alpha: number;
}): { rejected: Rejections } {
  return stepUp(pValues, (pValue, k) => pValue <= (k * alpha) / pValues.length, 1);
}

/**
 * Rejects the k largest e-values, for the greatest k with k e_(k) / K >= 1 / alpha (Wang and Ramdas, JRSS B, 2022).
 * Holds under any dependence.
 */
export function eBenjaminiHochberg({
  eValues,
  alpha,
}: {
  readonly eValues: readonly number[];
  readonly alpha: number;
}): { rejected: Rejections } {
  return stepUp(eValues, (eValue, k) => k * eValue * alpha >= eValues.length, -1);
}

/** Rejects all up to the last that passes, in rising (1) or falling (-1) order. */
function stepUp(
  values: readonly number[],
  passes: (value: number, k: number) => boolean,
  direction: 1 | -1,
): { rejected: Rejections } {
  const sorted = values.map((value, at) => ({ value, at })).sort((a, b) => direction * (a.value - b.value));
  const last = sorted.findLastIndex(({ value }, i) => passes(value, i + 1));
  const rejected: Rejections = values.map(() => 0);
  for (const { at } of sorted.slice(0, last + 1)) rejected[at] = 1;
  return { rejected };
}
