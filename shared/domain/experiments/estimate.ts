import type { StageTotals, Sums } from "../../contract/experiments.ts";
import { METRICS, type MetricName } from "../../contract/parameters.ts";
import { NO_SUMS } from "./totals.ts";

/** Treatment minus control, and how exactly that is known. */
export type Estimate = {
  readonly estimate: number;
  readonly standardError: number;
  /** Units of both arms. */
  readonly n: number;
  /** Clusters less 2 where hosts were randomised; null for independent units, of which there are many. */
  readonly degreesOfFreedom: number | null;
};

/** A stage with fewer units in an arm has no mean worth weighing. */
const STRATUM_UNITS = 5;

/**
 * The difference of means, compared within each stage and weighed by the stage's units: while the treatment's share grows, what
 * changes with time changes the arms' mix, and pooled means would show it as an effect (20 % false positives instead of 1.7 %).
 * Null while no stage has enough.
 *
 * Each arm has one variance, pooled over the deviations within its stages, because the first stage alone has too few units for
 * one of its own. With a covariate the differences are adjusted by it (CUPED; Deng, Xu, Kohavi, Walker, 2013): theta = cov(Y, X) /
 * var(X), pooled over arms and stages. Proportions have variance p (1 - p), as elsewhere.
 */
export function stratifiedEstimate(stages: readonly StageTotals[], metric: MetricName): Estimate | null {
  const strata = stages.flatMap(({ control, treatment }) => {
    const pair = { c: control.metrics[metric] ?? NO_SUMS, t: treatment.metrics[metric] ?? NO_SUMS };
    return pair.c.n >= STRATUM_UNITS && pair.t.n >= STRATUM_UNITS ? [pair] : [];
  });
  if (strata.length === 0) return null;
  const all = strata.flatMap(({ c, t }) => [deviations(c), deviations(t)]);
  const xx = sum(all, (one) => one.xx);
  const theta = xx > 0 ? sum(all, (one) => one.xy) / xx : 0;
  const lost = METRICS[metric].kind === "proportion" ? 0 : 1;
  const variance = (arm: readonly Sums[]) => {
    const squares = sum(arm.map(deviations), ({ yy, xy, xx: own }) => yy - 2 * theta * xy + theta ** 2 * own);
    return Math.max(0, squares) / sum(arm, ({ n }) => n - lost);
  };
  const varianceC = variance(strata.map(({ c }) => c));
  const varianceT = variance(strata.map(({ t }) => t));
  const n = sum(strata, ({ c, t }) => c.n + t.n);
  let estimate = 0;
  let squaredError = 0;
  for (const { c, t } of strata) {
    const weight = (c.n + t.n) / n;
    estimate += weight * (t.y / t.n - c.y / c.n - theta * (t.x / t.n - c.x / c.n));
    squaredError += weight ** 2 * (varianceC / c.n + varianceT / t.n);
  }
  return { estimate, standardError: Math.sqrt(squaredError), n, degreesOfFreedom: null };
}

/** Hosts an arm must have before it says anything: below, its standard error is a guess. */
export const CLUSTERS_MINIMUM = 10;

/**
 * The same where hosts were randomised: sessions of a host resemble each other, so an arm's error comes from how its hosts differ
 * (the linearised variance of a ratio of totals). Only stages with equal shares count: with a growing share the same
 * host would be in both arms, one after the other. Null with fewer than 10 hosts in an arm.
 */
export function clusteredEstimate(stages: readonly StageTotals[], share: number): Estimate | null {
  const equal = stages.filter(({ treatmentShare }) => treatmentShare === share);
  const c = clusters(equal.map(({ control }) => control.hosts));
  const t = clusters(equal.map(({ treatment }) => treatment.hosts));
  if (c.count < CLUSTERS_MINIMUM || t.count < CLUSTERS_MINIMUM) return null;
  return {
    estimate: t.mean - c.mean,
    standardError: Math.sqrt(c.squaredError + t.squaredError),
    n: c.n + t.n,
    degreesOfFreedom: c.count + t.count - 2,
  };
}

type Hosts = StageTotals["control"]["hosts"];

function clusters(stages: readonly Hosts[]) {
  const hosts = new Map<string, { n: number; y: number }>();
  for (const stage of stages)
    for (const [id, { n, y }] of Object.entries(stage)) {
      const known = hosts.get(id) ?? { n: 0, y: 0 };
      hosts.set(id, { n: known.n + n, y: known.y + y });
    }
  const all = [...hosts.values()];
  const n = sum(all, (host) => host.n);
  const mean = n > 0 ? sum(all, (host) => host.y) / n : 0;
  const squares = sum(all, (host) => (host.y - mean * host.n) ** 2);
  const count = all.length;
  return { count, n, mean, squaredError: count > 1 ? ((count / (count - 1)) * squares) / n ** 2 : 0 };
}

/** Sums of squared deviations from the means. */
function deviations({ n, y, yy, x, xx, xy }: Sums) {
  return n === 0
    ? { yy: 0, xx: 0, xy: 0 }
    : { yy: yy - (y * y) / n, xx: xx - (x * x) / n, xy: xy - (x * y) / n };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}

/** An arm's mean over all stages, for people; null if nothing is known. */
export function meanOf(
  stages: readonly StageTotals[],
  arm: "control" | "treatment",
  metric: MetricName,
): number | null {
  const sums = stages.map((stage) => stage[arm].metrics[metric] ?? NO_SUMS);
  const n = sum(sums, (one) => one.n);
  return n > 0 ? sum(sums, (one) => one.y) / n : null;
}

/** Units of an arm whose value is known, and their sum, over all stages. */
export function countOf(
  stages: readonly StageTotals[],
  arm: "control" | "treatment",
  metric: MetricName,
): { n: number; y: number } {
  const sums = stages.map((stage) => stage[arm].metrics[metric] ?? NO_SUMS);
  return { n: sum(sums, (one) => one.n), y: sum(sums, (one) => one.y) };
}
