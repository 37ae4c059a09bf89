import { READY_QUEUE_LIMIT } from "../../contract/limits.ts";
import type { HeldBack } from "../../ports/held-back.ts";
import { heldBackKey } from "./keys.ts";
import { parseHeldBackMember, toHeldBackMember } from "./members.ts";
import type { RedisClient } from "./redis.ts";
import { inParts, parseScored } from "./replies.ts";

/** Garbage collection only: the repair puts what still waits here again, long before. */
const LIFETIME_S = 24 * 3_600;

/** A sorted set for each barrier, in the order of the ready queues. */
export function createHeldBack(redis: RedisClient): HeldBack {
  return {
    async put(fleet, barrier, tasks) {
      const key = heldBackKey(fleet, barrier);
      for (const part of inParts(tasks)) {
        const [first, ...others] = part.map((task) => ({
          score: task.order,
          member: toHeldBackMember(task),
        }));
        if (first)
          await redis.send((pipeline) =>
            pipeline
              .zadd(key, { gt: true }, first, ...others)
              .zremrangebyrank(key, READY_QUEUE_LIMIT, -1)
              .expire(key, LIFETIME_S),
          );
      }
    },
    async first(fleet, barrier, limit) {
      const [reply] = await redis.send((pipeline) =>
        pipeline.zrange(heldBackKey(fleet, barrier), 0, limit - 1, { withScores: true }),
      );
      return parseScored(reply).flatMap(({ member, score }) => {
        const task = parseHeldBackMember(member);
        return task ? [{ ...task, order: score }] : [];
      });
    },
    async remove(fleet, barrier, tasks) {
      for (const part of inParts(tasks.map(toHeldBackMember)))
        await redis.send((pipeline) => pipeline.zrem(heldBackKey(fleet, barrier), ...part));
    },
  };
}
