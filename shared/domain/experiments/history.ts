import { METRICS, type MetricName, type ParameterName, parameterOf } from "../../contract/parameters.ts";
import type { DayRollup, KindRollup, Moments, Spread } from "../../contract/rollup.ts";
import { varianceBetween } from "./between.ts";
import type { History } from "./plan.ts";
import { OTHERS, type Weeks, binsOf, mergeRollups, quantileOf } from "./rollup.ts";

/** Means count larger values as this quantile of the weeks before: one task of a day would decide otherwise. */
const WINSOR_QUANTILE = 0.99;
/** A group with fewer units has no mean to adjust by. */
const COVARIATE_UNITS = 20;
const COVARIATE_KEYS = 100;

const NO_HISTORY: History = {
  unitsPerNight: 0,
  mean: 0,
  variance: 0,
  designEffect: 1,
  winsorAt: null,
  covariate: null,
  guardrails: {},
};

/** Parameters that are used for some units alone: only those meet their variant, and only those can be counted. */
const USED_FOR: Partial<Record<ParameterName, string>> = {
  retryBackoffFactor: "retried",
  briefTokens: "resumed",
};

/** What is usual of a metric, among the units for which a parameter is used. */
export type Usual = Moments & {
  readonly mean: number;
  readonly winsorAt: number | null;
  /** Before any value was cut. */
  readonly spread: Spread;
};

/** Null if no such unit is known. */
export function usualOf(weeks: Weeks, parameter: ParameterName, metric: MetricName): Usual | null {
  const kind = weeks[METRICS[metric].of];
  const part = USED_FOR[parameter];
  const spread = (part === undefined ? kind.metrics : (kind.parts[part] ?? {}))[metric];
  if (!spread || spread.n === 0) return null;
  const winsorAt = METRICS[metric].kind === "mean" ? winsorLimit(spread) : null;
  const capped = winsorAt === null ? spread : winsorised(spread, winsorAt);
  const { n, y, yy } = capped;
  return { n, y, yy, mean: meanOf(capped), winsorAt, spread };
}

/** What the last weeks say of the metric that decides about a parameter. Everything in it is frozen when an experiment starts. */
export function historyFor(
  days: readonly DayRollup[],
  { parameter, hypothesis: { metric } }: { parameter: ParameterName; hypothesis: { metric: MetricName } },
): History {
  const weeks = mergeRollups(days);
  const kind = weeks[METRICS[metric].of];
  const usual = usualOf(weeks, parameter, metric);
  if (!usual) return NO_HISTORY;
  const { unit, guardrails } = parameterOf(parameter);
  return {
    unitsPerNight: usual.n / weeks.days,
    mean: usual.mean,
    variance: varianceOf(usual, METRICS[metric].kind === "mean"),
    designEffect: unit === "host" ? designEffect(kind, metric) : 1,
    ...(unit === "host" && { hosts: rowsOf(kind.hosts, metric).length }),
    winsorAt: usual.winsorAt,
    covariate: METRICS[metric].of === "task" ? covariateOf(kind, metric) : null,
    guardrails: Object.fromEntries(
      guardrails.flatMap((name) => {
        const known = weeks[METRICS[name].of].metrics[name];
        return known ? [[name, meanOf(known)]] : [];
      }),
    ),
  };
}

/** Of what is not zero: where nearly all are, the quantile would cut everything else. */
function winsorLimit(spread: Spread): number | null {
  return quantileOf({ bins: { ...spread.bins, zero: 0 } }, WINSOR_QUANTILE);
}

function winsorised(spread: Spread, limit: number): Moments {
  let [n, y, yy] = [0, 0, 0];
  for (const { value, count } of binsOf(spread)) {
    const capped = Math.min(value, limit);
    n += count;
    y += count * capped;
    yy += count * capped * capped;
  }
  return { n, y, yy };
}

export const NO_MOMENTS: Moments = { n: 0, y: 0, yy: 0 };

export const sumOf = (a: Moments, b: Moments): Moments => ({ n: a.n + b.n, y: a.y + b.y, yy: a.yy + b.yy });

export const meanOf = ({ n, y }: Moments): number => (n > 0 ? y / n : 0);

/** Of a unit's value: of proportions p (1 - p), of means with n - 1. */
export function varianceOf({ n, y, yy }: Moments, sample = true): number {
  const squares = n > 0 ? Math.max(0, yy - (y * y) / n) : 0;
  return n > 1 ? squares / (sample ? n - 1 : n) : 0;
}

/** What is kept by name of a metric, the most frequent first. */
export function rowsOf(
  table: KindRollup["hosts"],
  metric: MetricName,
  least = 1,
): { key: string; moments: Moments }[] {
  return Object.entries(table)
    .flatMap(([key, row]) => {
      const moments = row[metric];
      return key !== OTHERS && moments && moments.n >= least ? [{ key, moments }] : [];
    })
    .sort((a, b) => b.moments.n - a.moments.n || (a.key < b.key ? -1 : 1));
}

/**
 * 1 + (m - 1) ICC (Kish): by how much the variance of an arm's mean grows when whole hosts are randomised, m units each that
 * resemble one another; the intraclass correlation by one-way analysis of variance. Never less than 1. `m` weighs hosts by their
 * units, as an arm's mean does, and is of as many days as are looked back on.
 */
function designEffect({ hosts }: KindRollup, metric: MetricName): number {
  const rows = rowsOf(hosts, metric).map(({ moments }) => moments);
  const found = varianceBetween(rows);
  if (!found) return 1;
  const between = Math.max(0, found.between);
  const total = between + found.within;
  const m = rows.reduce((sum, { n }) => sum + n * n, 0) / rows.reduce((sum, { n }) => sum + n, 0);
  return total > 0 ? 1 + (m - 1) * (between / total) : 1;
}

/** Usual means by type and repository, of those that have been seen often enough. */
function covariateOf({ groups, metrics }: KindRollup, metric: MetricName): History["covariate"] {
  const known = rowsOf(groups, metric, COVARIATE_UNITS).slice(0, COVARIATE_KEYS);
  // One group explains nothing: everybody would have the same.
  if (known.length < 2) return null;
  return {
    byKey: Object.fromEntries(known.map(({ key, moments }) => [key, meanOf(moments)])),
    other: meanOf(metrics[metric] ?? NO_MOMENTS),
  };
}
