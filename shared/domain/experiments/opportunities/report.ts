import { METRICS, MetricName } from "../../../contract/parameters.ts";
import type { KindRollup, Moments } from "../../../contract/rollup.ts";
import { normalQuantile } from "../../statistics/distributions.ts";
import { meanOf, rowsOf } from "../history.ts";
import { type Weeks, cellsOf, quantileOf, wordsOf } from "../rollup.ts";
import { CONTEXT_STEP, HOUR_MS, hazardOf } from "./context-crashes.ts";
import { count, duration, percent, short } from "./finding.ts";
import {
  type Rate,
  TOLD,
  around,
  aroundLog,
  meanEstimate,
  meanRatio,
  rateRatio,
  wilson,
} from "./intervals.ts";

/** Something that was measured, for people. */
export type Observation = {
  readonly about: string;
  readonly statement: string;
  readonly numbers: Readonly<Record<string, number>>;
};

/** Of a kind: groups or hosts that stand out, or words. */
const EACH_LIMIT = 5;
/** A group with fewer units may stand out by chance alone. */
const UNITS_MINIMUM = 30;

/**
 * What the last weeks were like, whether a parameter can change it or not: every metric, and what crashes, failures and stalls come
 * with. Only groups that differ from all others by more than chance are named, however many there are to compare (Bonferroni).
 */
export function reportOf(weeks: Weeks): Observation[] {
  const { task, session } = weeks;
  return [
    ...MetricName.options.flatMap((metric) => metricOf(weeks, metric)),
    ...crashesBy(session, "contextUsed", "of the context window", percent, CONTEXT_STEP),
    ...crashesBy(session, "durationMs", "of a session", duration, HOUR_MS),
    ...standingOut(task.groups, "failed", "tasks of"),
    ...standingOut(task.groups, "durationMs", "tasks of"),
    ...standingOut(task.hosts, "failed", "tasks on host"),
    ...standingOut(task.hosts, "durationMs", "tasks on host"),
    ...standingOut(session.hosts, "crashed", "sessions on host"),
    ...standingOut(session.groups, "crashed", "sessions of"),
    ...shares(session, "activity", "stalled"),
    ...shares(session, "zone", "crashed"),
    ...shares(session, "endedBy", "crashed"),
  ];
}

function metricOf(weeks: Weeks, metric: MetricName): Observation[] {
  const spread = weeks[METRICS[metric].of].metrics[metric];
  if (!spread || spread.n === 0) return [];
  const { n } = spread;
  const units = `${count(n)} ${METRICS[metric].of}s`;
  if (METRICS[metric].kind === "proportion") {
    const [low, high] = wilson(spread.y, n, TOLD);
    const share = spread.y / n;
    return [
      {
        about: metric,
        statement: `${metric}: ${percent(share)} (${percent(low)} to ${percent(high)}) of ${units}.`,
        numbers: { n, share: short(share), low: short(low), high: short(high) },
      },
    ];
  }
  const mean = meanEstimate(spread);
  const [low, high] = around(mean, TOLD);
  // Of few whole numbers the middle of a bin is none.
  const inBins = metric === "attempts" ? Math.round : short;
  const [median, most] = [0.5, 0.99].map((p) => inBins(quantileOf(spread, p) ?? 0)) as [number, number];
  const say = sayOf(metric);
  return [
    {
      about: metric,
      statement:
        `${metric}: ${say(mean.value)} on average (${say(low)} to ${say(high)}), half of ${units} at most ` +
        `${say(median)}, 99 % at most ${say(most)}.`,
      numbers: {
        n,
        mean: short(mean.value),
        low: short(low),
        high: short(high),
        median,
        p99: most,
      },
    },
  ];
}

const sayOf = (metric: MetricName) =>
  metric.endsWith("Ms") ? duration : (value: number) => String(short(value));

/** Where on their way sessions crash: the half of their crashes that came first against the rest. */
function crashesBy(
  session: KindRollup,
  fact: string,
  of: string,
  say: (value: number) => string,
  per: number,
): Observation[] {
  const cells = cellsOf(session, fact);
  const crashes = cells.reduce((sum, { row }) => sum + (row.crashed?.y ?? 0), 0);
  let seen = 0;
  const middle = cells.find(({ row }) => (seen += row.crashed?.y ?? 0) * 2 >= crashes);
  if (!middle || crashes === 0) return [];
  const early = hazardOf(cells, [0, middle.to], per);
  const late = hazardOf(cells, [middle.to, Infinity], per);
  const at = say(middle.to);
  const numbers = { until: short(middle.to), crashesUntil: early.events, crashesAfter: late.events };
  if (late.exposure === 0)
    return [{ about: `crashes by ${fact}`, statement: `No session went past ${at} ${of}.`, numbers }];
  const rateOf = ({ events, exposure }: Rate) => short(events / exposure);
  const ratio = rateRatio(late, early);
  const [low, high] = aroundLog(ratio, TOLD);
  return [
    {
      about: `crashes by ${fact}`,
      statement:
        `${count(early.events)} sessions crashed before ${at} ${of} and ${count(late.events)} after: ` +
        `${rateOf(early)} per ${say(per)} before and ${rateOf(late)} after, ${short(ratio.value)} times as many ` +
        `(${short(low)} to ${short(high)}).`,
      numbers: { ...numbers, ratio: short(ratio.value), low: short(low), high: short(high) },
    },
  ];
}

/** Groups whose units fail or take longer than all others', the furthest first. */
function standingOut(table: KindRollup["hosts"], metric: MetricName, what: string): Observation[] {
  const rows = rowsOf(table, metric, UNITS_MINIMUM);
  const z = normalQuantile(1 - 0.025 / Math.max(1, rows.length));
  const total = rows.reduce((sum, { moments }) => plus(sum, moments, 1), { n: 0, y: 0, yy: 0 });
  return rows
    .flatMap(({ key, moments }) => {
      const others = plus(total, moments, -1);
      if (others.n < UNITS_MINIMUM || moments.y === 0 || others.y <= 0) return [];
      const ratio =
        METRICS[metric].kind === "proportion"
          ? rateRatio({ events: moments.y, exposure: moments.n }, { events: others.y, exposure: others.n })
          : meanRatio(moments, others);
      const [low, high] = aroundLog(ratio, z);
      if (low <= 1) return [];
      const say = METRICS[metric].kind === "proportion" ? percent : sayOf(metric);
      const statement =
        `${what} ${key}: ${metric} ${say(meanOf(moments))}, ${say(meanOf(others))} elsewhere; ` +
        `${short(ratio.value)} times as much (${short(low)} to ${short(high)}), by ${count(moments.n)} of them.`;
      const numbers = { n: moments.n, ratio: short(ratio.value), low: short(low), high: short(high) };
      return [{ about: `${metric}: ${what} ${key}`, statement, numbers }];
    })
    .sort((a, b) => b.numbers.ratio - a.numbers.ratio || (a.about < b.about ? -1 : 1))
    .slice(0, EACH_LIMIT);
}

function plus(a: Moments, b: Moments, sign: 1 | -1): Moments {
  return { n: a.n + sign * b.n, y: a.y + sign * b.y, yy: a.yy + sign * b.yy };
}

/** How often something happens to sessions, by what they were when last heard of. */
function shares(session: KindRollup, fact: string, metric: MetricName): Observation[] {
  return wordsOf(session, fact)
    .flatMap(({ word, row }) => {
      const moments = row[metric];
      if (!moments || moments.n < UNITS_MINIMUM || moments.y === 0) return [];
      const [low, high] = wilson(moments.y, moments.n, TOLD);
      const share = moments.y / moments.n;
      const statement =
        `${percent(share)} (${percent(low)} to ${percent(high)}) of ${count(moments.n)} sessions whose ${fact} was last ` +
        `${word} ${metric}.`;
      const numbers = { n: moments.n, share: short(share), low: short(low), high: short(high) };
      return [{ about: `${metric} by ${fact}: ${word}`, statement, numbers }];
    })
    .sort((a, b) => b.numbers.share - a.numbers.share || (a.about < b.about ? -1 : 1))
    .slice(0, EACH_LIMIT);
}
