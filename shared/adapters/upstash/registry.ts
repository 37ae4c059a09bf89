import * as z from "zod/mini";
import { serves } from "../../domain/ready-order.ts";
import { type Candidate, Desired, type Incarnation, type Registry, Reported } from "../../ports/registry.ts";
import { byLoad, loadWithRoom } from "../index-rules.ts";
import { DEADLINES_KEY, desiredKey, reportedKey, roomKey, roomsKey } from "./keys.ts";
import { publishDesired } from "./lua/scripts.ts";
import { parseDeadlineMember, parseWordSet, toDeadlineMember, toWordSet } from "./members.ts";
import type { RedisClient } from "./redis.ts";
import {
  CountReply,
  SparseScoresReply,
  SparseTextsReply,
  TextsReply,
  inParts,
  parseDocument,
  parseOutcome,
  parseScored,
} from "./replies.ts";

/** Garbage collection of documents that nobody needs; no decision waits for it. */
const LIFETIME_S = 24 * 3_600;
/** Each repetition means that another publication with other capabilities came in between. */
const PUBLISH_ATTEMPTS_LIMIT = 5;

const PublishOutcome = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("written") }),
  z.object({ kind: z.literal("kept") }),
  z.object({ kind: z.literal("undeclared"), wordSet: z.string() }),
]);

/** The registry in Redis: one sorted set of deadlines, a document or two per session, a room per capability set. */
export function createRegistry(redis: RedisClient): Registry {
  async function documents<T>(schema: z.ZodMiniType<T>, keys: readonly string[]): Promise<(T | null)[]> {
    const parts = inParts(keys);
    if (parts.length === 0) return [];
    const replies = await redis.send((pipeline) => {
      for (const part of parts) pipeline.mget(...part);
      return pipeline;
    });
    return replies
      .flatMap((reply) => SparseTextsReply.parse(reply))
      .map((text) => parseDocument(schema, text));
  }

  return {
    async beat(incarnations, deadlineMs) {
      const [first, ...rest] = incarnations.map((each) => ({
        score: deadlineMs,
        member: toDeadlineMember(each),
      }));
      if (first === undefined) return { moved: 0, desired: [], reported: [] };
      const desiredKeys = incarnations.map(({ fleet, session }) => desiredKey(fleet, session));
      const reportedKeys = incarnations.map(({ fleet, session }) => reportedKey(fleet, session));
      const [moved, found] = await redis.send((pipeline) =>
        pipeline
          // XX: what the sweep took away is not revived. GT: a late beat takes nothing back.
          .zadd(DEADLINES_KEY, { xx: true, gt: true, ch: true }, first, ...rest)
          .mget(...desiredKeys, ...reportedKeys),
      );
      const texts = SparseTextsReply.parse(found);
      return {
        moved: CountReply.parse(moved),
        desired: incarnations.map((_, place) => parseDocument(Desired, texts[place])),
        reported: incarnations.map((_, place) => parseDocument(Reported, texts[incarnations.length + place])),
      };
    },

    async deadlines(incarnations) {
      const parts = inParts(incarnations.map(toDeadlineMember));
      if (parts.length === 0) return [];
      const replies = await redis.send((pipeline) => {
        for (const part of parts) pipeline.zmscore(DEADLINES_KEY, part);
        return pipeline;
      });
      return replies.flatMap((reply) => SparseScoresReply.parse(reply));
    },

    async extend(incarnations, deadlineMs) {
      const parts = inParts(
        incarnations.map((each) => ({ score: deadlineMs, member: toDeadlineMember(each) })),
      );
      if (parts.length === 0) return;
      await redis.send((pipeline) => {
        for (const part of parts) pipeline.zadd(DEADLINES_KEY, { gt: true }, ...part);
        return pipeline;
      });
    },

    async overdue(nowMs, limit) {
      const range = { byScore: true, offset: 0, count: limit, withScores: true } as const;
      const [reply] = await redis.send((pipeline) => pipeline.zrange(DEADLINES_KEY, "-inf", nowMs, range));
      const overdue: (Incarnation & { deadlineMs: number })[] = [];
      for (const { member, score } of parseScored(reply)) {
        const incarnation = parseDeadlineMember(member);
        if (incarnation) overdue.push({ ...incarnation, deadlineMs: score });
      }
      return overdue;
    },

    async count() {
      const [reply] = await redis.send((pipeline) => pipeline.zcard(DEADLINES_KEY));
      return CountReply.parse(reply);
    },

    async forget(incarnations) {
      const parts = inParts(incarnations.map(toDeadlineMember));
      if (parts.length === 0) return;
      await redis.send((pipeline) => {
        for (const part of parts) pipeline.zrem(DEADLINES_KEY, ...part);
        return pipeline;
      });
    },

    async report(fleet, session, reported) {
      const document = JSON.stringify(Reported.parse(reported));
      await redis.send((pipeline) => pipeline.set(reportedKey(fleet, session), document, { ex: LIFETIME_S }));
    },

    async reported(fleet, sessions) {
      return documents(
        Reported,
        sessions.map((session) => reportedKey(fleet, session)),
      );
    },

    async publish(fleet, session, desired, capabilities) {
      const wordSet = toWordSet(capabilities);
      // Filed with its capabilities, so that the next publication knows which room to leave.
      const document = JSON.stringify({ ...Desired.parse(desired), wordSet });
      const isOver = desired.state === "crashed" || desired.state === "ended";
      // A session's place in a room has no lifetime, so the document that leads to it must not have one either.
      const lifetimeS = isOver ? LIFETIME_S : "";
      let former: string | null = null;
      for (let attempt = 0; attempt < PUBLISH_ATTEMPTS_LIMIT; attempt++) {
        const formerKeys: string[] = former === null ? [] : [roomKey(fleet, former)];
        const reply = await redis.run(
          publishDesired,
          [desiredKey(fleet, session), roomsKey(fleet), roomKey(fleet, wordSet), ...formerKeys],
          [
            desired.rev,
            document,
            session,
            loadWithRoom(desired) ?? "",
            lifetimeS,
            wordSet,
            ...(former === null ? [] : [former]),
          ],
        );
        const outcome = parseOutcome(PublishOutcome, reply);
        if (outcome.kind !== "undeclared") return;
        former = outcome.wordSet;
      }
      throw new Error(
        `The capabilities of session ${session} kept changing while its desired state was published; publish it again.`,
      );
    },

    async desired(fleet, sessions) {
      return documents(
        Desired,
        sessions.map((session) => desiredKey(fleet, session)),
      );
    },

    async candidates(fleet, requires, limit) {
      if (limit < 1) return [];
      const [reply] = await redis.send((pipeline) => pipeline.smembers(roomsKey(fleet)));
      const fitting = TextsReply.parse(reply).filter((wordSet) => serves(parseWordSet(wordSet), requires));
      if (fitting.length === 0) return [];
      const rooms = await redis.send((pipeline) => {
        for (const wordSet of fitting)
          pipeline.zrange(roomKey(fleet, wordSet), 0, limit - 1, { withScores: true });
        return pipeline;
      });
      const candidates = rooms
        .flatMap((room) => parseScored(room))
        .map(({ member, score }): Candidate => ({ session: member, load: score }));
      return candidates.sort(byLoad).slice(0, limit);
    },
  };
}
