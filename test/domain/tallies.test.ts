import { expect, it } from "vitest";
import { RECOVERY_BOUNDS_MS, predictionIn, recoveriesIn, sumsOf } from "../../shared/domain/tallies.ts";

function addUp(durationsMs: readonly number[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const ms of durationsMs)
    for (const [name, value] of Object.entries(sumsOf("CrashRecoveryDuration", ms) ?? {}))
      sums[name] = (sums[name] ?? 0) + value;
  return sums;
}

it("counts recoveries in a cumulative histogram: its bounds belong to the bucket, what is longer only to the total", () => {
  const longest = RECOVERY_BOUNDS_MS.at(-1) ?? 0;
  const { buckets, count, sumMs } = recoveriesIn(addUp([0, 250, 251, 4_000.4, longest, longest + 1]));
  const atMost = new Map(buckets.map(({ boundMs, atMost }) => [boundMs, atMost]));
  expect([250, 500, 2_500, 5_000, longest].map((bound) => atMost.get(bound))).toEqual([2, 3, 3, 4, 5]);
  expect([count, sumMs]).toEqual([6, 250 + 251 + 4_000 + 2 * longest + 1]);
});

it("knows nothing of what was never added", () => {
  const { buckets, count, sumMs } = recoveriesIn({});
  expect([buckets.every(({ atMost }) => atMost === 0), count, sumMs]).toEqual([true, 0, 0]);
});

it("keeps sums of rare events only: each is a command", () => {
  expect(sumsOf("SessionsCrashed", 2)).toEqual({ SessionsCrashed: 2 });
  expect([sumsOf("TaskWait", 5), sumsOf("TaskDuration", 5), sumsOf("RedisUnavailable", 1)]).toEqual([
    null,
    null,
    null,
  ]);
});

it("tells how well danger foretold crashes, and nothing where nothing happened", () => {
  expect(predictionIn({})).toEqual({ precision: null, recall: null });
  const sums = { SessionsEndangered: 4, EndangeredCrashed: 3, SessionsCrashed: 12 };
  expect(predictionIn(sums)).toEqual({ precision: 0.75, recall: 0.25 });
});
