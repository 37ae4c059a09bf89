import type { Agenda, AgendaEntry, BeatAgenda } from "../../ports/agenda.ts";
import type { BeatClient } from "./beat-redis.ts";
import { AGENDA_KEY, STAMP_KEY } from "./keys.ts";
import { raiseStamp } from "./lua/scripts.ts";
import { parseAgendaMember, toAgendaMember } from "./members.ts";
import type { RedisClient } from "./redis.ts";
import { CountReply, SparseScoresReply, TextsReply, inParts } from "./replies.ts";

/** The one member of the stamp: a sorted set, because its scores can be told never to fall. */
const TICK = "tick";

/** Only what a heartbeat does with the agenda. */
export function createBeatAgenda(redis: BeatClient): BeatAgenda {
  return {
    async put(entries, dueMs) {
      const parts = inParts(entries.map((entry) => ({ score: dueMs, member: toAgendaMember(entry) })));
      if (parts.length === 0) return;
      await redis.send((commands) => {
        for (const part of parts) commands.zadd(AGENDA_KEY, { lt: true }, ...part);
      });
    },
  };
}

/** The agenda as one sorted set, and the stamp beside it. */
export function createAgenda(redis: RedisClient): Agenda {
  async function removeMembers(members: readonly string[]): Promise<void> {
    const parts = inParts(members);
    if (parts.length === 0) return;
    await redis.send((pipeline) => {
      for (const part of parts) pipeline.zrem(AGENDA_KEY, ...part);
      return pipeline;
    });
  }

  return {
    ...createBeatAgenda(redis),
    async due(nowMs, limit) {
      const [reply] = await redis.send((pipeline) =>
        pipeline.zrange(AGENDA_KEY, "-inf", nowMs, { byScore: true, offset: 0, count: limit }),
      );
      const entries: AgendaEntry[] = [];
      const unknown: string[] = [];
      for (const member of TextsReply.parse(reply)) {
        const entry = parseAgendaMember(member);
        if (entry) entries.push(entry);
        else unknown.push(member);
      }
      // Another version's entries would fill every page for good, and hints may be dropped.
      await removeMembers(unknown);
      return entries;
    },
    async done(entries) {
      await removeMembers(entries.map(toAgendaMember));
    },
    async has(entry) {
      const member = toAgendaMember(entry);
      const [reply] = await redis.send((pipeline) => pipeline.zscore(AGENDA_KEY, member));
      return (SparseScoresReply.parse([reply])[0] ?? null) !== null;
    },
    async count() {
      const [reply] = await redis.send((pipeline) => pipeline.zcard(AGENDA_KEY));
      return CountReply.parse(reply);
    },
    async stamp() {
      const [reply] = await redis.send((pipeline) => pipeline.zscore(STAMP_KEY, TICK));
      return SparseScoresReply.parse([reply])[0] ?? null;
    },
    async setStamp(nowMs) {
      await redis.send((pipeline) => pipeline.zadd(STAMP_KEY, { gt: true }, { score: nowMs, member: TICK }));
    },
    async raiseStamp(nowMs, foundMs, previousMs) {
      return (await redis.run(raiseStamp, [STAMP_KEY], [TICK, nowMs, foundMs, previousMs])) === 1;
    },
  };
}
