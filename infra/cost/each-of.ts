import type { Invoked } from "./measured.ts";
import type { Taken } from "./metered-cloud.ts";
import type { Use } from "./meters.ts";
import { countOf } from "./redis-commands.ts";

/** What each of so many like things asked of the stores. */
export function storesOf({ use }: Taken, things: number) {
  return {
    redis: countOf(use.redis) / things,
    redisBytes: use.redisBytes / things,
    readUnits: unitsOf(use, "readUnits") / things,
    writeUnits: unitsOf(use, "writeUnits") / things,
  };
}

/** What each of so many like things took in all. */
export const eachOf = (taken: Taken, things: number) => ({
  ...storesOf(taken, things),
  logBytes: taken.logBytes / things,
  answerBytes: taken.answerBytes / things,
  invoked: invokedBy(taken.use.invocations, things),
});

export const unitsOf = ({ dynamo }: Use, of: "writeUnits" | "readUnits") =>
  dynamo.reduce((sum, one) => sum + one[of], 0);

/**
 * Invocations by function, for each of so many things. Each is taken to last as long as the median one, because a machine that does
 * something else meanwhile makes a few of them long.
 */
export function invokedBy(invocations: Use["invocations"], things: number): Invoked {
  const byFunction = Map.groupBy(invocations, ({ fn }) => fn);
  return Object.fromEntries(
    [...byFunction].map(([fn, all]) => {
      const count = all.length / things;
      return [fn, { count, ms: count * medianOf(all.map(({ durationMs }) => durationMs)) }];
    }),
  );
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
