import * as z from "zod/mini";
import { READY_QUEUE_LIMIT } from "../../contract/limits.ts";
import type { ReadyTask, WorkQueue } from "../../ports/work-queue.ts";
import { byOrder } from "../index-rules.ts";
import { TAKES_KEY, WAITING_KEY, queueKey, queuesKey, takenKey } from "./keys.ts";
import { putBackReady, removeReady, takeReady } from "./lua/scripts.ts";
import { parseTakeMember, parseWordSet, toTakeMember, toWordSet } from "./members.ts";
import type { RedisClient } from "./redis.ts";
import { TextReply, TextsReply, inParts, parseDocument, parseOutcome, parseScored } from "./replies.ts";

/** A task that was taken: where it came from and its place there, as text. */
const Taken = z.object({ taskId: z.string(), wordSet: z.string(), order: z.string() });

const PutBackOutcome = z.discriminatedUnion("kind", [
  z.object({ kind: z.enum(["gone", "back"]) }),
  z.object({ kind: z.literal("undeclared"), wordSet: z.string() }),
]);
/** Each repetition means that the same request took another task in between. */
const PUT_BACK_ATTEMPTS_LIMIT = 5;

/** The ready queues in Redis: a sorted set per set of requirements, and a hash of what is taken. */
export function createWorkQueue(redis: RedisClient): WorkQueue {
  async function remove(fleet: string, taskId: string, wordSet: string): Promise<void> {
    await redis.run(
      removeReady,
      [queueKey(fleet, wordSet), queuesKey(fleet), WAITING_KEY],
      [taskId, wordSet, fleet],
    );
  }

  return {
    add: (fleet, tasks) => addTasks(redis, fleet, tasks),
    async heads(fleet) {
      return readHeads(redis, fleet, remove);
    },
    async take(fleet, requiring, requestId, untilMs) {
      // Sorted, so that equal orders are taken alike whoever asks.
      const wordSets = [...new Set(requiring.map(toWordSet))].sort();
      const reply = await redis.run(
        takeReady,
        [...indexKeys(fleet), ...wordSets.map((wordSet) => queueKey(fleet, wordSet))],
        [fleet, requestId, toTakeMember(fleet, requestId), untilMs, ...wordSets],
      );
      const taken = parseDocument(Taken, TextReply.parse(reply));
      return (
        taken && { taskId: taken.taskId, requires: parseWordSet(taken.wordSet), order: Number(taken.order) }
      );
    },
    async settle(fleet, requestId) {
      // In this order: a take without its task is dropped when it expires, a task without its take never would be.
      await redis.send((pipeline) =>
        pipeline.hdel(takenKey(fleet), requestId).zrem(TAKES_KEY, toTakeMember(fleet, requestId)),
      );
    },
    putBack: (fleet, requestId) => putBack(redis, fleet, requestId),
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

async function putBack(redis: RedisClient, fleet: string, requestId: string): Promise<void> {
  const [reply] = await redis.send((pipeline) => pipeline.hget(takenKey(fleet), requestId));
  let wordSet = parseDocument(Taken, TextReply.parse(reply))?.wordSet ?? toWordSet([]);
  for (let attempt = 0; attempt < PUT_BACK_ATTEMPTS_LIMIT; attempt++) {
    const answer = await redis.run(
      putBackReady,
      [...indexKeys(fleet), queueKey(fleet, wordSet)],
      [fleet, requestId, toTakeMember(fleet, requestId), wordSet],
    );
    const outcome = parseOutcome(PutBackOutcome, answer);
    if (outcome.kind !== "undeclared") return;
    wordSet = outcome.wordSet;
  }
  throw new Error(`Request ${requestId} kept taking tasks while its task was put back; put it back again.`);
}

/** The first keys of the scripts that take and put back. */
function indexKeys(fleet: string): string[] {
  return [takenKey(fleet), TAKES_KEY, queuesKey(fleet), WAITING_KEY];
}

/** No task has this id: removing it only drops what is empty. */
const NO_TASK = "";

type Remove = (fleet: string, taskId: string, wordSet: string) => Promise<void>;

async function readHeads(redis: RedisClient, fleet: string, remove: Remove): Promise<ReadyTask[]> {
  const [reply] = await redis.send((pipeline) => pipeline.smembers(queuesKey(fleet)));
  const wordSets = TextsReply.parse(reply);
  if (wordSets.length === 0) {
    // Redis may have lost the queues of a fleet that it still calls waiting: the sweep would never rest.
    await remove(fleet, NO_TASK, toWordSet([]));
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
