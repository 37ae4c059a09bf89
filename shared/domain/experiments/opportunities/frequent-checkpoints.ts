import type { Moments } from "../../../contract/rollup.ts";
import { chiSquareQuantile } from "../../statistics/distributions.ts";
import { meanOf, usualOf } from "../history.ts";
import type { Weeks } from "../rollup.ts";
import { type Detector, EVENTS_MINIMUM, WORTHWHILE, nextStep, percent, short } from "./finding.ts";
import { PROVEN, PROVEN_LEVEL, TOLD, aroundLog, around, meanEstimate, meanRatio } from "./intervals.ts";

const HOUR_MS = 3_600_000;
/** Work that may be lost to crashes, as a part of all, before checkpoints should become rarer. */
const AFFORDABLE = 0.001;

/**
 * Many checkpoints, and next to nothing lost to crashes: then every second tool call more before the next is worth trying. Only the
 * part of the checkpoints that tool calls are known to cause can become less, and the interval still makes those that are due.
 */
export const detectFrequentCheckpoints: Detector = (weeks, values) => {
  const parameter = "checkpointToolCalls";
  const metric = "checkpointsPerHour";
  const step = nextStep(parameter, values, "up");
  const usual = usualOf(weeks, parameter, metric);
  const { toolCalls, durationMs } = weeks.session.facts;
  const interval = Number(values.checkpointIntervalMs);
  if (!step || !usual || !toolCalls?.y || !durationMs?.y) return null;
  const lost = lostAtMost(weeks, durationMs, interval);
  if (lost === null || lost > AFFORDABLE) return null;
  const perHour = meanRatio(toolCalls, durationMs);
  const byCalls = (calls: number, each: number) => (each * HOUR_MS) / calls;
  const byTime = HOUR_MS / interval;
  const reduction = (each: number) =>
    1 - Math.max(byCalls(step.treatment, each), byTime) / Math.max(byCalls(step.control, each), byTime);
  const [slowest] = aroundLog(perHour, PROVEN);
  if (reduction(slowest) < WORTHWHILE) return null;
  const now = meanEstimate(usual);
  const effectOf = (checkpoints: number, each: number) =>
    -Math.min(checkpoints, byCalls(step.control, each)) * reduction(each);
  // Each changes the effect by itself; their errors add up as those of independent estimates.
  const effect = effectOf(now.value, perHour.value);
  const [eachLow, eachHigh] = aroundLog(perHour, TOLD);
  const [nowLow, nowHigh] = around(now, TOLD);
  const half = Math.hypot(
    (effectOf(now.value, eachLow) - effectOf(now.value, eachHigh)) / 2,
    (effectOf(nowLow, perHour.value) - effectOf(nowHigh, perHour.value)) / 2,
  );
  return {
    parameter,
    ...step,
    hypothesis: {
      detector: "frequent checkpoints",
      metric,
      baseline: usual.mean,
      effect,
      interval: [effect - half, effect + half],
      statement:
        `Sessions make ${short(now.value)} checkpoints an hour, and at most ${percent(lost)} of their work is lost to crashes; ` +
        `at ${short(perHour.value * HOUR_MS)} tool calls an hour, a checkpoint every ${step.treatment} of them ` +
        `instead of ${step.control} would make ${short(-effect)} fewer.`,
      evidence: {
        sessions: usual.n,
        checkpointsPerHour: short(now.value),
        toolCallsPerHour: short(perHour.value * HOUR_MS),
        lostShareAtMost: short(lost),
      },
    },
  };
};

/** Upper bound of the part of all work that crashes lost; null if it is not known. */
function lostAtMost({ session }: Weeks, worked: Moments, intervalMs: number): number | null {
  const known = session.metrics.lostWorkMs;
  if (!known) return null;
  const crashed = session.parts["crashed"]?.lostWorkMs ?? { n: 0, y: 0, yy: 0 };
  // Of a count of rare events (Garwood, 1936).
  const crashes = chiSquareQuantile(1 - PROVEN_LEVEL, 2 * crashed.n + 2) / 2;
  const each = crashed.n >= EVENTS_MINIMUM ? around(meanEstimate(crashed), PROVEN)[1] : intervalMs;
  return (crashes * each) / known.n / meanOf(worked);
}
