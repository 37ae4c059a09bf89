import { usualOf } from "../history.ts";
import { type Detector, duration, nextStep, percent, short } from "./finding.ts";
import { PROVEN, TOLD, around, meanEstimate, minus } from "./intervals.ts";

/** Tasks that say how long a resumed attempt takes. */
const RESUMED_MINIMUM = 30;

/**
 * Work that is done again after a crash. If nothing had to be, the attempt that was stopped and the one that completed the task would
 * on average be equally long, as a crash comes at any moment of the work, whether tasks are long or short (long ones
 * crash more often, so they cannot be compared with those that did not). What the second is longer by, and no crash had lost, the brief
 * did not save.
 */
export const detectSlowResumes: Detector = (weeks, values) => {
  const parameter = "briefTokens";
  const metric = "durationMs";
  const step = nextStep(parameter, values, "up");
  const usual = usualOf(weeks, parameter, metric);
  const { durationMs, wastedMs } = weeks.task.parts["resumedOnce"] ?? {};
  if (!step || !usual || !durationMs || !wastedMs) return null;
  if (durationMs.n < RESUMED_MINIMUM || wastedMs.n < RESUMED_MINIMUM) return null;
  const lost = weeks.session.parts["crashed"]?.lostWorkMs;
  const longer = minus(meanEstimate(durationMs), meanEstimate(wastedMs));
  const again = lost && lost.n > 1 ? minus(longer, meanEstimate(lost)) : longer;
  if (around(again, PROVEN)[0] <= 0) return null;
  const [low, high] = around(again, TOLD);
  return {
    parameter,
    ...step,
    hypothesis: {
      detector: "slow resumes",
      metric,
      baseline: usual.mean,
      effect: -again.value,
      interval: [-high, -low],
      statement:
        `${durationMs.n} tasks were completed by the attempt after a crash. It took ${duration(durationMs.y / durationMs.n)}, ` +
        `though ${duration(wastedMs.y / wastedMs.n)} of work came before the crash: ${duration(again.value)} ` +
        `(${duration(low)} to ${duration(high)}) are done again though a checkpoint had them, ` +
        `${percent(again.value / usual.mean)} of what resuming takes.`,
      evidence: {
        resumedOnce: durationMs.n,
        resumedMs: short(durationMs.y / durationMs.n),
        stoppedMs: short(wastedMs.y / wastedMs.n),
        againMs: short(again.value),
        againLowMs: short(low),
        againHighMs: short(high),
      },
    },
  };
};
