import * as z from "zod/mini";
import { SignalsMinute } from "../../contract/signals.ts";
import { serves } from "../../domain/ready-order.ts";
import {
  type Beat,
  type BeatRegistry,
  type Candidate,
  Desired,
  type HostMinute,
  type Incarnation,
  type Registry,
  Reported,
} from "../../ports/registry.ts";
import { byLoad, loadWithRoom } from "../index-rules.ts";
import type { BeatClient } from "./beat-redis.ts";
import { createInboxHints, hintKeys, parseHints } from "./inbox-hints.ts";
import { DEADLINES_KEY, desiredKey, reportedKey, roomKey, roomsKey, signalsKey } from "./keys.ts";
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
/** The sweep writes a minute down soon after its end; what it has not written after so long is lost. */
const SIGNALS_LIFETIME_S = 3_600;
/** Each repetition means that another publication with other capabilities came in between. */
const PUBLISH_ATTEMPTS_LIMIT = 5;

const PublishOutcome = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("written") }),
  z.object({ kind: z.literal("kept") }),
  z.object({ kind: z.literal("undeclared"), wordSet: z.string() }),
]);

/** The registry in Redis: one sorted set of deadlines, a document or two per session, a room per capability set. */
export function createRegistry(redis: RedisClient): Registry {
  return {
    ...createDeadlines(redis),
    ...createBeatRegistry(redis),
    inboxes: createInboxHints(redis),
    async reported(fleet, sessions) {
      const keys = sessions.map((session) => reportedKey(fleet, session));
      return readDocuments(redis, Reported, keys);
    },
    async desired(fleet, sessions) {
      const keys = sessions.map((session) => desiredKey(fleet, session));
      return readDocuments(redis, Desired, keys);
    },
    signals: (minutes) => readDocuments(redis, SignalsMinute, minutes.map(toSignalsKey)),
    publish: (fleet, session, desired, capabilities) => publish(redis, fleet, session, desired, capabilities),
    candidates: (fleet, requires, limit) => readCandidates(redis, fleet, requires, limit),
  };
}

/** Only what a heartbeat uses, without the scripts: each byte counts in what every host calls every few seconds. */
export function createBeatRegistry(redis: BeatClient): BeatRegistry {
  return {
    beat: (incarnations, deadlineMs, minute) => beat(redis, incarnations, deadlineMs, minute),
    async deadlines(incarnations) {
      const parts = inParts(incarnations.map(toDeadlineMember));
      if (parts.length === 0) return [];
      const replies = await redis.send((commands) => {
        for (const part of parts) commands.zmscore(DEADLINES_KEY, part);
      });
      return replies.flatMap((reply) => SparseScoresReply.parse(reply));
    },
    async extend(incarnations, deadlineMs) {
      const parts = inParts(toScored(incarnations, deadlineMs));
      if (parts.length === 0) return;
      await redis.send((commands) => {
        for (const part of parts) commands.zadd(DEADLINES_KEY, { gt: true }, ...part);
      });
    },
    async report(fleet, session, reported) {
      const document = JSON.stringify(Reported.parse(reported));
      await redis.send((commands) => commands.set(reportedKey(fleet, session), document, { ex: LIFETIME_S }));
    },
    async keepSignals(minute) {
      const document = JSON.stringify(SignalsMinute.parse(minute));
      await redis.send((commands) =>
        commands.set(toSignalsKey(minute), document, { ex: SIGNALS_LIFETIME_S }),
      );
    },
  };
}

function createDeadlines(redis: RedisClient): Pick<Registry, "overdue" | "count" | "forget"> {
  return {
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
  };
}

async function beat(
  redis: BeatClient,
  incarnations: readonly Incarnation[],
  deadlineMs: number,
  minute: HostMinute | null = null,
): Promise<Beat> {
  const [first, ...rest] = toScored(incarnations, deadlineMs);
  if (first === undefined) return { moved: 0, desired: [], reported: [], inboxes: [], signals: null };
  const desiredKeys = incarnations.map(({ fleet, session }) => desiredKey(fleet, session));
  const reportedKeys = incarnations.map(({ fleet, session }) => reportedKey(fleet, session));
  const signalsKeys = minute ? [toSignalsKey(minute)] : [];
  const [moved, found] = await redis.send((commands) =>
    commands
      // XX: what the sweep took away is not revived. GT: a late beat takes nothing back.
      .zadd(DEADLINES_KEY, { xx: true, gt: true, ch: true }, first, ...rest)
      .mget(...desiredKeys, ...reportedKeys, ...hintKeys(incarnations), ...signalsKeys),
  );
  const texts = SparseTextsReply.parse(found);
  return {
    moved: CountReply.parse(moved),
    desired: incarnations.map((_, place) => parseDocument(Desired, texts[place])),
    reported: incarnations.map((_, place) => parseDocument(Reported, texts[incarnations.length + place])),
    inboxes: parseHints(incarnations, texts.slice(2 * incarnations.length)),
    signals: minute ? parseDocument(SignalsMinute, texts.at(-1)) : null,
  };
}

async function publish(
  redis: RedisClient,
  fleet: string,
  session: string,
  desired: Desired,
  capabilities: readonly string[],
): Promise<void> {
  const wordSet = toWordSet(capabilities);
  const load = String(loadWithRoom(desired) ?? "");
  // Filed with its capabilities and load, so that the next publication knows which room to leave, if any.
  const document = JSON.stringify({ ...Desired.parse(desired), wordSet, load });
  const isOver = desired.state === "crashed" || desired.state === "ended";
  // A session's place in a room has no lifetime, so the document that leads to it must not have one either.
  const keys = [desiredKey(fleet, session), roomsKey(fleet), roomKey(fleet, wordSet)];
  const args = [desired.rev, document, session, load, LIFETIME_S, isOver ? "1" : "", wordSet];
  let former: string[] = [];
  for (let attempt = 0; attempt < PUBLISH_ATTEMPTS_LIMIT; attempt++) {
    const formerKeys = former.map((each) => roomKey(fleet, each));
    const reply = await redis.run(publishDesired, [...keys, ...formerKeys], [...args, ...former]);
    const outcome = parseOutcome(PublishOutcome, reply);
    if (outcome.kind !== "undeclared") return;
    former = [outcome.wordSet];
  }
  throw new Error(
    `The capabilities of session ${session} kept changing while its desired state was published; publish it again.`,
  );
}

async function readCandidates(
  redis: RedisClient,
  fleet: string,
  requires: readonly string[],
  limit: number,
): Promise<Candidate[]> {
  if (limit < 1) return [];
  const [reply] = await redis.send((pipeline) => pipeline.smembers(roomsKey(fleet)));
  const fitting = TextsReply.parse(reply).filter((wordSet) => serves(parseWordSet(wordSet), requires));
  if (fitting.length === 0) return [];
  const rooms = await redis.send((pipeline) => {
    for (const wordSet of fitting)
      pipeline.zrange(roomKey(fleet, wordSet), 0, limit - 1, { withScores: true });
    return pipeline;
  });
  const scored = rooms.flatMap((room) => parseScored(room));
  return scored
    .map(({ member, score }) => ({ session: member, load: score }))
    .sort(byLoad)
    .slice(0, limit);
}

async function readDocuments<T>(
  redis: RedisClient,
  schema: z.ZodMiniType<T>,
  keys: readonly string[],
): Promise<(T | null)[]> {
  const parts = inParts(keys);
  if (parts.length === 0) return [];
  const replies = await redis.send((pipeline) => {
    for (const part of parts) pipeline.mget(...part);
    return pipeline;
  });
  const texts = replies.flatMap((reply) => SparseTextsReply.parse(reply));
  return texts.map((text) => parseDocument(schema, text));
}

function toSignalsKey({ fleet, host, minute }: HostMinute): string {
  return signalsKey(fleet, host, minute);
}

function toScored(incarnations: readonly Incarnation[], score: number): { score: number; member: string }[] {
  return incarnations.map((incarnation) => ({ score, member: toDeadlineMember(incarnation) }));
}
