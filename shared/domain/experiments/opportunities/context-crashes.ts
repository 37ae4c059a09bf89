import type { Moments } from "../../../contract/rollup.ts";
import type { MetricName } from "../../../contract/parameters.ts";
import { NO_MOMENTS, sumOf, usualOf } from "../history.ts";
import { type Weeks, cellsOf } from "../rollup.ts";
import { type Detector, EVENTS_MINIMUM, type Values, duration, nextStep, percent, short } from "./finding.ts";
import {
  PROVEN,
  type Rate,
  TOLD,
  around,
  aroundLog,
  meanEstimate,
  minus,
  rateRatio,
  shareEstimate,
  times,
} from "./intervals.ts";

export const HOUR_MS = 3_600_000;
/** The first hour, to the end of its cell. */
const EARLY_MS = 64 * 60_000;
export const CONTEXT_STEP = 0.1;

type Cell = ReturnType<typeof cellsOf>[number];
type Range = readonly [number, number];

const within = ({ from, to }: Cell, [low, high]: Range): boolean => from >= low - 1e-9 && to <= high + 1e-9;

const momentsOf = (cells: readonly Cell[], metric: MetricName, range: Range): Moments =>
  cells
    .filter((cell) => within(cell, range))
    .reduce((sum, { row }) => sumOf(sum, row[metric] ?? NO_MOMENTS), NO_MOMENTS);

/**
 * Crashes by how far sessions went, as a life table counts them: whoever ended in a later cell was at risk in all of this one, whoever
 * ended in it in half. What is measured is taken to have grown to where it ended.
 *
 * @param per what exposure is counted in: so much of what is measured
 */
export function hazardOf(cells: readonly Cell[], range: Range, per: number): Rate {
  let [events, exposure, later] = [0, 0, 0];
  for (const cell of [...cells].reverse()) {
    const { n, y } = cell.row.crashed ?? NO_MOMENTS;
    if (within(cell, range)) {
      events += y;
      exposure += ((later + n / 2) * (cell.to - cell.from)) / per;
    }
    later += n;
  }
  return { events, exposure };
}

/**
 * Crashes that come with a full context, in the range that a lower threshold would put in the zone: entering it makes a checkpoint. What
 * this keeps is read from the zone as it is: by how much less crashes lose above the threshold than below it.
 */
function detectBy(
  parameter: "contextWarning" | "contextDanger",
  weeks: Weeks,
  values: Values,
): ReturnType<Detector> {
  const metric = "lostWorkMs";
  const step = nextStep(parameter, values, "down");
  const usual = usualOf(weeks, parameter, metric);
  const above = parameter === "contextWarning" ? Number(values.contextDanger) : Infinity;
  if (!step || !usual) return null;
  const cells = cellsOf(weeks.session, "contextUsed");
  const high = hazardOf(cells, [step.treatment, Infinity], CONTEXT_STEP);
  const low = hazardOf(cells, [0, step.treatment], CONTEXT_STEP);
  if (high.exposure === 0 || low.exposure === 0) return null;
  const ratio = rateRatio(high, low);
  const crashes = cellsOf(weeks.session, "crash:contextUsed");
  const unkept = momentsOf(crashes, metric, [step.treatment, step.control]);
  const kept = momentsOf(crashes, metric, [step.control, above]);
  if (unkept.n < EVENTS_MINIMUM || kept.n < EVENTS_MINIMUM) return null;
  const less = minus(meanEstimate(unkept), meanEstimate(kept));
  if (aroundLog(ratio, PROVEN)[0] <= 1 || around(less, PROVEN)[0] <= 0) return null;
  const effect = times(shareEstimate(unkept.n, usual.n), less);
  const [smallest, largest] = around(effect, TOLD);
  const [ratioLow, ratioHigh] = aroundLog(ratio, TOLD);
  return {
    parameter,
    ...step,
    hypothesis: {
      detector: "crashes by context",
      metric,
      baseline: usual.mean,
      effect: -effect.value,
      interval: [-largest, -smallest],
      statement:
        `From ${percent(step.treatment)} of the context window on, sessions crash ${short(ratio.value)} times as often as below ` +
        `(${short(ratioLow)} to ${short(ratioHigh)}); ${unkept.n} crashes before ${percent(step.control)} lost ` +
        `${duration(less.value)} more each than the ${kept.n} after it, where the zone had made a checkpoint.`,
      evidence: {
        sessions: usual.n,
        hazardRatio: short(ratio.value),
        hazardRatioLow: short(ratioLow),
        hazardRatioHigh: short(ratioHigh),
        crashesBelow: unkept.n,
        crashesAbove: kept.n,
        meanLossBelowMs: short(unkept.y / unkept.n),
        meanLossAboveMs: short(kept.y / kept.n),
        ...byDuration(weeks),
      },
    },
  };
}

export const detectEarlyContextCrashes: Detector = (weeks, values) =>
  detectBy("contextWarning", weeks, values);
export const detectLateContextCrashes: Detector = (weeks, values) => detectBy("contextDanger", weeks, values);

/** Crashes per hour of sessions, early and late: a full context and a long session come together. */
function byDuration({ session }: Weeks): Record<string, number> {
  const cells = cellsOf(session, "durationMs");
  const rates = {
    crashesPerHourEarly: hazardOf(cells, [0, EARLY_MS], HOUR_MS),
    crashesPerHourLate: hazardOf(cells, [EARLY_MS, Infinity], HOUR_MS),
  };
  return Object.fromEntries(
    Object.entries(rates)
      .filter(([, { exposure }]) => exposure > 0)
      .map(([name, { events, exposure }]) => [name, short(events / exposure)]),
  );
}
