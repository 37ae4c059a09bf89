import type { Tallies } from "../../ports/ports.ts";
import { talliesKey } from "./keys.ts";
import type { BeatClient } from "./beat-redis.ts";
import type { RedisClient } from "./redis.ts";
import { parseCounts } from "./replies.ts";

/** What a heartbeat does with them. */
export function createBeatTallies(redis: BeatClient): Pick<Tallies, "add"> {
  return {
    async add(fleet, sums) {
      await redis.send((commands) => {
        for (const [name, value] of Object.entries(sums)) commands.hincrby(talliesKey(fleet), name, value);
      });
    },
  };
}

/** Running sums as one hash for each fleet. */
export function createTallies(redis: RedisClient): Tallies {
  return {
    ...createBeatTallies(redis),
    async read(fleet) {
      const [reply] = await redis.send((pipeline) => pipeline.hgetall(talliesKey(fleet)));
      return parseCounts(reply);
    },
  };
}
