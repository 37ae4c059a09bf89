import type { Spread } from "../../../contract/rollup.ts";
import { meanOf, usualOf } from "../history.ts";
import { binsOf } from "../rollup.ts";
import { type Detector, EVENTS_MINIMUM, nextStep, percent, short } from "./finding.ts";
import { type Estimate, PROVEN, TOLD, around, aroundLog, meanEstimate, minus } from "./intervals.ts";

/** An attempt that fails within this part of what completing one takes has failed soon. */
const SOON = 0.5;

/**
 * Retries that fail more often than first attempts, and soon: what stopped the first attempt, as a rate limit does, is still there. If
 * they failed no more often than first attempts, a task that is tried again would take so many attempts fewer.
 */
export const detectEarlyRetries: Detector = (weeks, values) => {
  const parameter = "retryBackoffFactor";
  const metric = "attempts";
  const step = nextStep(parameter, values, "up");
  const usual = usualOf(weeks, parameter, metric);
  const attempts = weeks.task.metrics[metric];
  const soon = soonOf(weeks.task);
  if (!step || !usual || !attempts || !soon || aroundLog(soon, PROVEN)[1] > SOON) return null;
  const tried = reachedOf(attempts);
  const [all = 0, second = 0, third = 0] = tried;
  if (third < EVENTS_MINIMUM) return null;
  const first = { value: second / all, error: Math.sqrt(1 / second - 1 / all) };
  const retry = { value: third / second, error: Math.sqrt(1 / third - 1 / second) };
  const ratio = { value: retry.value / first.value, error: Math.hypot(first.error, retry.error) };
  if (aroundLog(ratio, PROVEN)[0] <= 1) return null;
  const effect = minus(expectedAttempts(first, tried.length), meanEstimate(usual));
  if (around(effect, PROVEN)[1] >= 0) return null;
  const [ratioLow, ratioHigh] = aroundLog(ratio, TOLD);
  const [low, high] = around(effect, TOLD);
  return {
    parameter,
    ...step,
    hypothesis: {
      detector: "early retries",
      metric,
      baseline: usual.mean,
      effect: effect.value,
      interval: [low, high],
      statement:
        `${percent(retry.value)} of second attempts are followed by a third, and ${percent(first.value)} of first ones by a second: ` +
        `${short(ratio.value)} times as many (${short(ratioLow)} to ${short(ratioHigh)}). They end after ` +
        `${percent(soon.value)} of the time that completing a task takes, so what stopped them may need longer to pass.`,
      evidence: {
        tasks: all,
        retried: second,
        retriedAgain: third,
        retryRatio: short(ratio.value),
        retryRatioLow: short(ratioLow),
        retryRatioHigh: short(ratioHigh),
        timeOfFailingAttempts: short(soon.value),
      },
    },
  };
};

/** Time of an attempt that was retried, as a part of what completing takes; its error is of the logarithm. Null if it is not known. */
function soonOf(task: Parameters<Detector>[0]["task"]): Estimate | null {
  const { attempts, completed, wastedMs } = task.parts["retried"] ?? {};
  const { durationMs } = task.metrics;
  if (!attempts || !completed || !wastedMs || !durationMs) return null;
  const wasted = meanOf(attempts) - meanOf(completed);
  const [time, whole, tries] = [wastedMs, durationMs, attempts].map(meanEstimate) as [
    Estimate,
    Estimate,
    Estimate,
  ];
  if (!(wasted > 0 && time.value > 0 && whole.value > 0)) return null;
  return {
    value: time.value / wasted / whole.value,
    error: Math.hypot(time.error / time.value, whole.error / whole.value, tries.error / wasted),
  };
}

/** How many tasks were tried once, twice, and so on, at least. */
function reachedOf(attempts: Spread): number[] {
  const reached: number[] = [];
  for (const { value, count } of binsOf(attempts))
    for (let i = 0; i < Math.round(value); i++) reached[i] = (reached[i] ?? 0) + count;
  return reached;
}

/** Of a task that is tried again, if each retry failed as often as a first attempt, up to so many. */
function expectedAttempts({ value: q, error }: Estimate, limit: number): Estimate {
  let [attempts, slope] = [1, 0];
  for (let k = 0; k < limit - 1; k++) {
    attempts += q ** k;
    slope += k * q ** k;
  }
  // The error is of the logarithm: d/d ln q of each term is k q^k.
  return { value: attempts, error: slope * error };
}
