import { expect, test } from "vitest";
import {
  decideRestart,
  NO_CRASHES,
  recordCrash,
  recordSuccess,
  type CrashHistory,
} from "../../agent/worker/restart-policy.ts";

const LIMITS = { perHour: 5 };
const HOUR_MS = 3_600_000;
const longest = () => 0.999_999_9;

function crashAt(...timesMs: number[]): CrashHistory {
  return timesMs.reduce(recordCrash, NO_CRASHES);
}

test("the first crash is followed by a restart at once", () => {
  expect(decideRestart(crashAt(0), LIMITS, 0, longest)).toEqual({ delayMs: 0, capped: false });
});

test("each further crash at most doubles the delay, up to a minute, and jitter spreads it down to nothing", () => {
  const limits = { perHour: 100 };
  const delays = [2, 3, 4, 5, 20].map(
    (n) => decideRestart(crashAt(...Array<number>(n).fill(0)), limits, 0, longest).delayMs,
  );
  expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 60_000]);
  expect(decideRestart(crashAt(0, 0, 0), limits, 0, () => 0).delayMs).toBe(0);
});

test("a finished task makes the next crash a first one", () => {
  const history = recordCrash(recordSuccess(crashAt(0, 1, 2)), 3);
  expect(decideRestart(history, LIMITS, 3, longest).delayMs).toBe(0);
});

test("past the hourly cap it waits until the hour has room, successes or not", () => {
  const history = recordCrash(recordSuccess(crashAt(0, 10, 20, 30, 40)), 50);
  expect(decideRestart(history, LIMITS, 50, longest)).toEqual({ delayMs: HOUR_MS - 50, capped: true });
});

test("crashes older than an hour count no more against the cap", () => {
  const history = recordCrash(recordSuccess(crashAt(0, 10, 20, 30, 40)), HOUR_MS + 5);
  expect(decideRestart(history, LIMITS, HOUR_MS + 5, longest)).toEqual({ delayMs: 0, capped: false });
});
