import type { Spread } from "../../../contract/rollup.ts";
import { usualOf } from "../history.ts";
import { BIN_FACTOR, quantileOf } from "../rollup.ts";
import { type Detector, EVENTS_MINIMUM, WORTHWHILE, duration, nextStep, percent, short } from "./finding.ts";
import { PROVEN, TOLD, around, aroundLog } from "./intervals.ts";

/** Points of a bin that its crashes are spread over. */
const POINTS = 8;

/**
 * Work lost to crashes that checkpoints at half the interval would have kept. How much that is follows from the ages at which crashes
 * found the last checkpoint: an age of a would have been a mod t, and one below t remains what it is. So nothing is
 * promised where other triggers make checkpoints long before the interval ends, nor where none came at all.
 */
export const detectLostWork: Detector = (weeks, values) => {
  const parameter = "checkpointIntervalMs";
  const metric = "lostWorkMs";
  const step = nextStep(parameter, values, "down");
  const usual = usualOf(weeks, parameter, metric);
  const lost = weeks.session.parts["crashed"]?.[metric];
  if (!step || !usual || !lost || lost.n < EVENTS_MINIMUM) return null;
  const saved = savedBy(lost, step, usual.winsorAt ?? Infinity);
  if (saved.y === 0) return null;
  const share = { value: saved.y / saved.lost, error: saved.shareError };
  if (around(share, PROVEN)[0] < WORTHWHILE) return null;
  // Crashes come by chance, each with its own loss: the error of their sum is that of its squares.
  const effect = { value: saved.y / usual.n, error: Math.sqrt(saved.yy) / saved.y };
  const [least, most] = aroundLog(effect, TOLD);
  const [shareLow, shareHigh] = around(share, TOLD);
  const each = lost.y / lost.n;
  return {
    parameter,
    ...step,
    hypothesis: {
      detector: "lost work at crashes",
      metric,
      baseline: usual.mean,
      effect: -effect.value,
      interval: [-most, -least],
      statement:
        `${lost.n} of ${usual.n} sessions crashed, and lost ${duration(each)} of work each on average; ` +
        `checkpoints every ${duration(step.treatment)} instead of ${duration(step.control)} would have kept ` +
        `${percent(share.value)} of it (${percent(shareLow)} to ${percent(shareHigh)}).`,
      evidence: {
        sessions: usual.n,
        crashes: lost.n,
        meanLossMs: short(each),
        medianLossMs: short(quantileOf(lost, 0.5) ?? 0),
        savedShare: short(share.value),
        savedShareLow: short(shareLow),
        savedShareHigh: short(shareHigh),
      },
    },
  };
};

type Step = { readonly control: number; readonly treatment: number };

/** What one crash that lost this much would have kept. */
export function savedOf(ageMs: number, { control, treatment }: Step): number {
  if (ageMs < treatment) return 0;
  if (ageMs < control) return ageMs - (ageMs % treatment);
  // Late, and it would have been as late; but where none came when two were due, the interval is not what lost it.
  return ageMs < 2 * control ? control - treatment : 0;
}

/** Sums over crashes, whose losses are spread evenly over their bins. Losses count up to `limit`, as in the experiment. */
function savedBy({ bins }: Spread, step: Step, limit: number) {
  let [n, y, yy, lost, lostLost, lostSaved] = [0, 0, 0, 0, 0, 0];
  for (const [bin, crashes] of Object.entries(bins)) {
    const weight = crashes / POINTS;
    for (let i = 0; i < POINTS; i++) {
      const age = bin === "zero" ? 0 : BIN_FACTOR ** (Number(bin) + (i + 0.5) / POINTS);
      const before = Math.min(limit, age);
      const saved = before - Math.min(limit, age - savedOf(age, step));
      n += weight;
      y += weight * saved;
      yy += weight * saved * saved;
      lost += weight * before;
      lostLost += weight * before * before;
      lostSaved += weight * before * saved;
    }
  }
  // Ratio of two sums over the same crashes (delta method).
  const share = y / lost;
  const squares = Math.max(0, yy - 2 * share * lostSaved + share * share * lostLost);
  return { y, yy, lost, shareError: Math.sqrt((squares * n) / (n - 1)) / lost };
}
