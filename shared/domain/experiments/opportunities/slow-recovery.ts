import { PROFILES } from "../../../contract/profile.ts";
import { usualOf } from "../history.ts";
import { binsOf } from "../rollup.ts";
import { type Detector, EVENTS_MINIMUM, WORTHWHILE, duration, percent, short } from "./finding.ts";
import { PROVEN, TOLD, wilson } from "./intervals.ts";

/** Recoveries that mostly wait for a silence to count as a crash: with the fast profile each of them would wait less. */
export const detectSlowRecovery: Detector = (weeks, values) => {
  const parameter = "heartbeatProfile";
  const metric = "recoveryMs";
  const usual = usualOf(weeks, parameter, metric);
  if (values[parameter] !== "standard" || !usual || usual.n < EVENTS_MINIMUM) return null;
  const { timeoutMs } = PROFILES.standard;
  const saved = timeoutMs - PROFILES.fast.timeoutMs;
  const { n } = usual.spread;
  const waited = binsOf(usual.spread).reduce(
    (sum, { value, count }) => sum + (value >= timeoutMs ? count : 0),
    0,
  );
  const leastShare = wilson(waited, n, PROVEN)[0];
  if (leastShare * saved < WORTHWHILE * usual.mean || leastShare < 0.5) return null;
  const [low, high] = wilson(waited, n, TOLD);
  return {
    parameter,
    control: "standard",
    treatment: "fast",
    hypothesis: {
      detector: "slow recovery",
      metric,
      baseline: usual.mean,
      effect: (-saved * waited) / n,
      interval: [-saved * high, -saved * low],
      statement:
        `Recovering takes ${duration(usual.mean)} on average; ${percent(waited / n)} of ${n} recoveries ` +
        `(${percent(low)} to ${percent(high)}) waited out the ${duration(timeoutMs)} of silence, ` +
        `which would be ${duration(saved)} less.`,
      evidence: { recoveries: n, meanMs: short(usual.mean), waited, waitedShare: short(waited / n) },
    },
  };
};
