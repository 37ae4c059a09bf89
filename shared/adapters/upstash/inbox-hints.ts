import { ANNOUNCED_LOGS_LIMIT } from "../../contract/limits.ts";
import { type InboxHint, type InboxHints, OwnLog, Reading, SharedLogs } from "../../ports/inbox-hints.ts";
import { ownLogKey, readingKey, sharedLogsKey } from "./keys.ts";
import { announceLog, raiseDocument } from "./lua/scripts.ts";
import type { RedisClient } from "./redis.ts";
import { SparseTextsReply, inParts, parseDocument } from "./replies.ts";

/** As long as a message is kept, so that none is unread past it. */
const LOG_LIFETIME_S = 24 * 3_600;
/** A session that lives longer without acknowledging anything gets its document back from the repair. */
const READING_LIFETIME_S = 7 * 24 * 3_600;

type Place = { readonly fleet: string; readonly session: string };
type Text = string | null | undefined;

/** What `MGET` must read for the hints of these sessions: two documents each, then one for each of their fleets. */
export function hintKeys(places: readonly Place[]): string[] {
  return [
    ...places.map(({ fleet, session }) => readingKey(fleet, session)),
    ...places.map(({ fleet, session }) => ownLogKey(fleet, session)),
    ...fleetsOf(places).map(sharedLogsKey),
  ];
}

/** The hints in what was read for `hintKeys` of the same sessions. */
export function parseHints(places: readonly Place[], texts: readonly Text[]): InboxHint[] {
  const shared = new Map(
    fleetsOf(places).map((fleet, i) => [
      fleet,
      parseDocument(SharedLogs, texts[2 * places.length + i]) ?? {},
    ]),
  );
  return places.map(({ fleet }, i) => ({
    reading: parseDocument(Reading, texts[i]),
    own: parseDocument(OwnLog, texts[places.length + i]),
    shared: shared.get(fleet) ?? {},
  }));
}

function fleetsOf(places: readonly Place[]): string[] {
  return [...new Set(places.map(({ fleet }) => fleet))];
}

/** Two documents a session and one a fleet, each replaced only by something newer. */
export function createInboxHints(redis: RedisClient): InboxHints {
  const raise = async (key: string, rev: number, document: object, lifetimeS: number) => {
    await redis.run(raiseDocument, [key], [rev, JSON.stringify(document), lifetimeS]);
  };
  return {
    deliver: (fleet, session, own) =>
      raise(ownLogKey(fleet, session), own.rev, OwnLog.parse(own), LOG_LIFETIME_S),
    place: (fleet, session, reading) =>
      raise(readingKey(fleet, session), reading.rev, Reading.parse(reading), READING_LIFETIME_S),
    async announce(fleet, log, { number, expiresAtMs }, nowMs) {
      const args = [log, number, expiresAtMs, nowMs, ANNOUNCED_LOGS_LIMIT, LOG_LIFETIME_S];
      await redis.run(announceLog, [sharedLogsKey(fleet)], args);
    },
    async read(fleet, sessions) {
      if (sessions.length === 0) return [];
      const places = sessions.map((session) => ({ fleet, session }));
      const replies = await redis.send((pipeline) => {
        for (const part of inParts(hintKeys(places))) pipeline.mget(...part);
        return pipeline;
      });
      return parseHints(
        places,
        replies.flatMap((reply) => SparseTextsReply.parse(reply)),
      );
    },
  };
}
