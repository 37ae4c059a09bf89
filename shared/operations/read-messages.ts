import { type Refusal, refuse } from "../contract/errors.ts";
import type { Positions } from "../contract/message.ts";
import type { MessagesAnswer } from "../contract/message-routes.ts";
import type { MessageRecord, SessionRecord } from "../contract/records.ts";
import {
  furthest,
  isFurther,
  logsOf,
  openPositions,
  pageOf,
  positionsIn,
  sealPositions,
} from "../domain/inbox.ts";
import { refuseEpoch } from "../domain/session-transitions.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";
import { messageView } from "./append-message.ts";
import { placeReading } from "./place-reading.ts";

/** Filed messages of one log that are looked at for one page; those that expired take part of it. */
const SCAN_LIMIT = 200;

/** Whose messages, and who asks: the session itself by its token, or an operator (null). */
export type Reader = {
  readonly fleet: string;
  readonly session: string;
  readonly claims: SessionClaims | null;
};

/** The session, or why this reader may not read or acknowledge in its name: an older epoch counts no more. */
export function refuseReader(session: SessionRecord | null, reader: Reader): Refusal | null {
  if (!session) return refuse("session.not_found", "There is no such session in this fleet.");
  return reader.claims ? (refuseEpoch(session, reader.claims.epoch)?.refusal ?? null) : null;
}

export const BAD_CURSOR = refuse(
  "cursor.invalid",
  "The cursor was made for another session or fleet, or not here.",
);

/**
 * A page of what a session has not acknowledged, after `cursor` if one is given. It only reads, so it may be repeated:
 * what is not acknowledged comes again, to this start of the session and to the next.
 */
export async function readMessages(
  ports: Ports,
  reader: Reader,
  cursor: string | null,
): Promise<MessagesAnswer | Refusal> {
  const { fleet, session: id } = reader;
  const { signingKeys } = ports.settings;
  const given = cursor === null ? {} : openPositions(signingKeys, fleet, id, cursor);
  if (!given) return BAD_CURSOR;
  const session = await ports.record.sessions.get(fleet, id);
  const refused = refuseReader(session, reader);
  if (refused || !session) return refused ?? BAD_CURSOR;
  const inbox = await ports.record.inboxes.get(fleet, id);
  const logs = logsOf(session);
  const from = positionsIn(furthest(inbox?.positions ?? {}, given), logs);
  const unread = await unreadMessages(ports, fleet, from);
  const { page, positions } = pageOf(unread, ports.clock.nowMs());
  const upTo = furthest(from, positions);
  if (!isFurther(upTo, from)) {
    // Whoever asks may have been told of messages: by a hint that is behind what was acknowledged.
    if (inbox && cursor === null) await placeReading(ports, session, inbox);
    return { messages: [], cursor: null };
  }
  const bodies = await ports.record.messages.bodies(page);
  const messages = page.flatMap((message, i) => {
    const json = bodies[i] ?? null;
    return json === null ? [] : [messageView(message, json)];
  });
  return { messages, cursor: sealPositions(signingKeys, fleet, id, upTo) };
}

/** Of each log that has any, messages past its position, in order. */
async function unreadMessages(ports: Ports, fleet: string, from: Positions): Promise<MessageRecord[][]> {
  const { messages } = ports.record;
  // Before what is filed: a message that is filed meanwhile is then either there or the newest.
  const newest = await messages.newest(fleet, Object.keys(from));
  const behind = newest.filter(({ log, rev }) => rev > (from[log] ?? 0));
  return Promise.all(
    behind.map(async (last) => {
      const after = from[last.log] ?? 0;
      const filed = last.rev === after + 1 ? [] : await messages.range(fleet, last.log, after, SCAN_LIMIT);
      const before = filed.filter(({ rev }) => rev < last.rev);
      return filed.length < SCAN_LIMIT || before.length < filed.length ? [...before, last] : before;
    }),
  );
}
