import { expect, test } from "vitest";
import {
  BREAKER_OPEN_MS,
  BREAKER_STREAK,
  type CrashHistory,
  NO_CRASHES,
  createRestarts,
  decideRestart,
  recordCrash,
  recordSuccess,
} from "../../agent/worker/restart-policy.ts";

const LIMITS = { perHour: 100 };
const HOUR_MS = 3_600_000;
const longest = () => 0.999_999_9;
const NOON = 12 * 60;

const at = (nowMs: number, minuteOfDay = NOON, uniform = longest) => ({ nowMs, minuteOfDay, uniform });
const crashAt = (...timesMs: number[]): CrashHistory => timesMs.reduce(recordCrash, NO_CRASHES);
const crashes = (n: number) => crashAt(...Array<number>(n).fill(0));
const restart = (delayMs: number, reason: string) => ({ kind: "restart", delayMs, reason });

test.each([
  ["the first crash is followed by a restart at once", crashes(1), LIMITS, at(0), restart(0, "first")],
  ["the second waits for a second at most", crashes(2), LIMITS, at(0), restart(1_000, "backoff")],
  ["each further one doubles that", crashes(3), LIMITS, at(0), restart(2_000, "backoff")],
  ["jitter spreads it down to nothing", crashes(4), LIMITS, at(0, NOON, () => 0), restart(0, "backoff")],
  [
    "five in a row open the breaker",
    crashes(BREAKER_STREAK),
    LIMITS,
    at(0),
    restart(BREAKER_OPEN_MS, "breaker"),
  ],
  [
    "a crash of the one try opens it again",
    crashes(BREAKER_STREAK + 1),
    LIMITS,
    at(0),
    restart(BREAKER_OPEN_MS, "breaker"),
  ],
  [
    "a finished task closes it, and makes the next crash a first one",
    recordCrash(recordSuccess(crashes(BREAKER_STREAK)), 3),
    LIMITS,
    at(3),
    restart(0, "first"),
  ],
  [
    "past the hourly cap it waits until the hour has room, successes or not",
    recordCrash(recordSuccess(crashAt(0, 10, 20, 30, 40)), 50),
    { perHour: 5 },
    at(50),
    restart(HOUR_MS - 50, "cap"),
  ],
  [
    "crashes older than an hour count no more against the cap",
    recordCrash(recordSuccess(crashAt(0, 10, 20, 30, 40)), HOUR_MS + 5),
    { perHour: 5 },
    at(HOUR_MS + 5),
    restart(0, "first"),
  ],
  [
    "switched off, it stays down",
    crashes(1),
    { perHour: 5, enabled: false },
    at(0),
    { kind: "stay down", why: "restarts are switched off" },
  ],
])("%s", (_name, history, limits, clock, expected) => {
  expect(decideRestart(history, limits, clock)).toEqual(expected);
});

const NIGHT = { fromMinute: 22 * 60, toMinute: 7 * 60 };
const LUNCH = { fromMinute: 12 * 60, toMinute: 13 * 60 };

test.each([
  [NIGHT, 21 * 60 + 59, 0],
  [NIGHT, 22 * 60, 9 * 60],
  [NIGHT, 0, 7 * 60],
  [NIGHT, 6 * 60 + 59, 1],
  [NIGHT, 7 * 60, 0],
  [LUNCH, 12 * 60 + 30, 30],
  [LUNCH, 13 * 60, 0],
  [{ fromMinute: 60, toMinute: 60 }, 60, 0],
])("in quiet hours %o at minute %i it waits for %i minutes", (quietHours, minute, minutes) => {
  const decision = decideRestart(crashes(1), { perHour: 5, quietHours }, at(0, minute));
  expect(decision).toEqual(restart(minutes * 60_000, minutes > 0 ? "quiet hours" : "first"));
});

test("a session that never finishes a task is tried four times an hour at most, once its breaker is open", () => {
  const restarts = createRestarts({ perHour: 1_000 }, Math.random, () => NOON);
  let nowMs = 0;
  let tries = 0;
  while (nowMs < 10 * HOUR_MS) {
    const decision = restarts.crashed(nowMs);
    if (decision.kind === "restart") nowMs += decision.delayMs + 1;
    tries += 1;
  }
  expect(tries).toBeLessThanOrEqual(BREAKER_STREAK + 10 * 4 + 1);
});
