import type { Moments } from "../../../contract/rollup.ts";
import { NO_MOMENTS, sumOf, usualOf } from "../history.ts";
import { type Weeks, cellsOf } from "../rollup.ts";
import { type Detector, EVENTS_MINIMUM, WORTHWHILE, duration, nextStep, percent, short } from "./finding.ts";
import {
  PROVEN,
  TOLD,
  around,
  aroundLog,
  meanEstimate,
  meanRatio,
  minus,
  rateRatio,
  shareEstimate,
  times,
  wilson,
} from "./intervals.ts";

/** A wait is long if it is this part of what the work itself takes. */
const LONG_WAIT = 0.25;

/** Sessions that held from so many tasks on, to so many, and how many of them crashed. */
function heldBetween({ session }: Weeks, from: number, to: number): Moments {
  return cellsOf(session, "heldTasks")
    .filter((cell) => cell.from >= from && cell.from <= to)
    .reduce((sum, { row }) => sumOf(sum, row.crashed ?? NO_MOMENTS), NO_MOMENTS);
}

const rateOf = ({ n, y }: Moments) => ({ events: y, exposure: n });

/**
 * Tasks that wait long while sessions are full, though fuller sessions are not known to crash more often: then each may hold more. The
 * part of the wait that full sessions cause becomes less as they hold more.
 */
export const detectLongWaits: Detector = (weeks, values) => {
  const parameter = "tasksPerSession";
  const metric = "waitMs";
  const step = nextStep(parameter, values, "up");
  const usual = usualOf(weeks, parameter, metric);
  const work = weeks.task.metrics.durationMs;
  const all = heldBetween(weeks, 0, Infinity);
  if (!step || !usual || !work || usual.y <= 0 || work.y <= 0 || all.n === 0) return null;
  const full = heldBetween(weeks, step.control, Infinity);
  const others = heldBetween(weeks, 0, step.control - 1);
  const waiting = meanRatio(usual, work);
  if (aroundLog(waiting, PROVEN)[0] < LONG_WAIT || wilson(full.n, all.n, PROVEN)[0] < WORTHWHILE) return null;
  const crashes = others.n > 0 ? rateRatio(rateOf(full), rateOf(others)) : null;
  // Here the doubt is for the sessions: what may well crash more often is not filled further.
  if (crashes && aroundLog(crashes, TOLD)[0] > 1) return null;
  const wait = meanEstimate(usual);
  const less = times(wait, shareEstimate(full.n, all.n));
  const part = 1 - step.control / step.treatment;
  const effect = { value: -less.value * part, error: less.error * part };
  const [low, high] = around(effect, TOLD);
  return {
    parameter,
    ...step,
    hypothesis: {
      detector: "long waits",
      metric,
      baseline: usual.mean,
      effect: effect.value,
      interval: [low, high],
      statement:
        `Tasks wait ${duration(wait.value)} on average, ${percent(waiting.value)} of the time that their work takes, and ` +
        `${percent(full.n / all.n)} of sessions hold the ${step.control} tasks that they may. ` +
        `With ${step.treatment} each, tasks would wait ${duration(-effect.value)} less.`,
      evidence: {
        tasks: usual.n,
        meanWaitMs: short(wait.value),
        waitToWork: short(waiting.value),
        sessions: all.n,
        fullSessions: full.n,
        ...(crashes && { crashRatioWhenFull: short(crashes.value) }),
      },
    },
  };
};

/** Sessions that crash more often the more they hold: then each should hold less. */
export const detectOverload: Detector = (weeks, values) => {
  const parameter = "tasksPerSession";
  const metric = "crashed";
  const step = nextStep(parameter, values, "down");
  const usual = usualOf(weeks, parameter, metric);
  if (!step || !usual) return null;
  const more = heldBetween(weeks, step.treatment + 1, Infinity);
  const fewer = heldBetween(weeks, 1, step.treatment);
  if (more.y < EVENTS_MINIMUM || fewer.n === 0) return null;
  const ratio = rateRatio(rateOf(more), rateOf(fewer));
  if (aroundLog(ratio, PROVEN)[0] <= 1) return null;
  const rise = minus(shareEstimate(more.y, more.n), shareEstimate(fewer.y, fewer.n));
  const effect = times(rise, shareEstimate(more.n, heldBetween(weeks, 0, Infinity).n));
  const [low, high] = around(effect, TOLD);
  const [ratioLow, ratioHigh] = aroundLog(ratio, TOLD);
  return {
    parameter,
    ...step,
    hypothesis: {
      detector: "crashes by load",
      metric,
      baseline: usual.mean,
      effect: -effect.value,
      interval: [-high, -low],
      statement:
        `${percent(more.y / more.n)} of sessions that held more than ${step.treatment} tasks crashed, and ` +
        `${percent(fewer.y / fewer.n)} of those that held fewer: ${short(ratio.value)} times as many ` +
        `(${short(ratioLow)} to ${short(ratioHigh)}).`,
      evidence: {
        sessions: usual.n,
        loaded: more.n,
        loadedCrashes: more.y,
        others: fewer.n,
        otherCrashes: fewer.y,
        crashRatio: short(ratio.value),
        crashRatioLow: short(ratioLow),
        crashRatioHigh: short(ratioHigh),
      },
    },
  };
};
