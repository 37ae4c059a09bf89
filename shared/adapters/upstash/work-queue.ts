import { READY_QUEUE_LIMIT } from "../../contract/limits.ts";
import type { ReadyTask, WorkQueue } from "../../ports/work-queue.ts";
import { byOrder } from "../index-rules.ts";
import { TAKES_KEY, WAITING_KEY, queueKey, queuesKey } from "./keys.ts";
import { putBackReady, removeReady, takeReady } from "./lua/scripts.ts";
import { parseTakeMember, parseWordSet, toTakePrefix, toWordSet } from "./members.ts";
import type { RedisClient } from "./redis.ts";
import { CountReply, TextReply, TextsReply, inParts, parseScored } from "./replies.ts";

/** How long a list of queues is used again by whoever takes: each take would ask for it otherwise. */
const QUEUES_KNOWN_MS = 5_000;

/** The ready queues in Redis: a sorted set per set of requirements, and one of what is taken. */
export function createWorkQueue(redis: RedisClient): WorkQueue {
  const known = new Map<string, { requirements: (readonly string[])[]; atMs: number }>();

  async function remove(fleet: string, taskId: string, wordSet: string): Promise<void> {
    await redis.run(
      removeReady,
      [queueKey(fleet, wordSet), queuesKey(fleet), WAITING_KEY],
      [taskId, wordSet, fleet],
    );
  }

  return {
    async add(fleet, tasks) {
      known.delete(fleet);
      await addTasks(redis, fleet, tasks);
    },
    async heads(fleet) {
      known.delete(fleet);
      return readHeads(redis, fleet, remove);
    },
    async requirements(fleet) {
      const before = known.get(fleet);
      if (before && performance.now() - before.atMs < QUEUES_KNOWN_MS) return before.requirements;
      const requirements = (await readQueues(redis, fleet)).map(parseWordSet);
      // An empty list is not worth keeping: whoever finds nothing asks again.
      if (requirements.length > 0) known.set(fleet, { requirements, atMs: performance.now() });
      return requirements;
    },
    async take(fleet, requiring, requestId, untilMs) {
      // Sorted, so that equal orders are taken alike whoever asks.
      const wordSets = [...new Set(requiring.map(toWordSet))].sort();
      if (wordSets.length === 0) return null;
      const reply = await redis.run(
        takeReady,
        [TAKES_KEY, ...wordSets.map((wordSet) => queueKey(fleet, wordSet))],
        [toTakePrefix(fleet, requestId), untilMs, ...wordSets],
      );
      const take = TextReply.parse(reply);
      return take === null ? null : (parseTakeMember(take)?.take ?? null);
    },
    async settle(_fleet, take) {
      await redis.send((pipeline) => pipeline.zrem(TAKES_KEY, take.id));
    },
    async putBack(fleet, take) {
      known.delete(fleet);
      const wordSet = toWordSet(take.requires);
      await redis.run(
        putBackReady,
        [TAKES_KEY, queueKey(fleet, wordSet), queuesKey(fleet), WAITING_KEY],
        [take.id, take.taskId, take.order, wordSet, fleet],
      );
    },
    async expired(nowMs, limit) {
      const range = { byScore: true, offset: 0, count: limit } as const;
      const [reply] = await redis.send((pipeline) => pipeline.zrange(TAKES_KEY, "-inf", nowMs, range));
      return TextsReply.parse(reply).flatMap((member) => parseTakeMember(member) ?? []);
    },
    async remove(fleet, task) {
      await remove(fleet, task.taskId, toWordSet(task.requires));
    },
    async waitingFleets() {
      const [reply] = await redis.send((pipeline) => pipeline.smembers(WAITING_KEY));
      return TextsReply.parse(reply).sort();
    },
  };
}

async function addTasks(redis: RedisClient, fleet: string, tasks: readonly ReadyTask[]): Promise<void> {
  for (const part of inParts(tasks)) {
    const bySet = Map.groupBy(part, ({ requires }) => toWordSet(requires));
    const [firstSet = "", ...otherSets] = bySet.keys();
    await redis.transact((transaction) => {
      for (const [wordSet, ofSet] of bySet) {
        const key = queueKey(fleet, wordSet);
        const scored = ofSet.map(({ taskId, order }) => ({ score: order, member: taskId }));
        for (const some of inParts(scored)) transaction.zadd(key, { gt: true }, ...some);
        transaction.zremrangebyrank(key, READY_QUEUE_LIMIT, -1);
      }
      transaction.sadd(queuesKey(fleet), firstSet, ...otherSets);
      transaction.sadd(WAITING_KEY, fleet);
      return transaction;
    });
  }
}

async function readQueues(redis: RedisClient, fleet: string): Promise<string[]> {
  const [reply] = await redis.send((pipeline) => pipeline.smembers(queuesKey(fleet)));
  return TextsReply.parse(reply);
}

/** No task has this id: removing it only drops what is empty. */
const NO_TASK = "";

type Remove = (fleet: string, taskId: string, wordSet: string) => Promise<void>;

async function readHeads(redis: RedisClient, fleet: string, remove: Remove): Promise<ReadyTask[]> {
  const wordSets = await readQueues(redis, fleet);
  if (wordSets.length === 0) {
    // Redis may have lost the queues of a fleet that it still calls waiting: the sweep would never rest.
    const [waiting] = await redis.send((pipeline) => pipeline.sismember(WAITING_KEY, fleet));
    if (CountReply.parse(waiting) > 0) await remove(fleet, NO_TASK, toWordSet([]));
    return [];
  }
  const replies = await redis.send((pipeline) => {
    for (const wordSet of wordSets) pipeline.zrange(queueKey(fleet, wordSet), 0, 0, { withScores: true });
    return pipeline;
  });
  const heads: ReadyTask[] = [];
  for (const [place, wordSet] of wordSets.entries()) {
    const [head] = parseScored(replies[place]);
    if (head) heads.push({ taskId: head.member, requires: parseWordSet(wordSet), order: head.score });
    else await remove(fleet, NO_TASK, wordSet);
  }
  return heads.sort(byOrder);
}
