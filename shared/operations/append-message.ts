import { type Refusal, refuse } from "../contract/errors.ts";
import { MESSAGES_BEAT_BYTES_LIMIT, MESSAGE_KEPT_MS } from "../contract/limits.ts";
import { type Message, sessionOf } from "../contract/message.ts";
import type { MessageRecord, TicketRecord } from "../contract/records.ts";
import type { OwnLog } from "../ports/inbox-hints.ts";
import type { Ports } from "../ports/ports.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";

/** Numbers that others may take first; each loss means that somebody else got on. */
const TRIES = 64;

export type Outgoing = {
  readonly fleet: string;
  /** Whom it is for: the name of its log. */
  readonly log: string;
  readonly id: string;
  readonly from: string;
  /** The body as JSON. */
  readonly json: string;
  /** Whether the same id may be sent again, and must then be the same message. */
  readonly repeatable: boolean;
};

/**
 * Adds a message to its log, once per id. A number is taken by replacing the newest message of the log, so numbers
 * have no gap and none is taken later than a higher one: a reader never passes a message that is still to come.
 *
 * The order of effects: the body first, for nothing names it yet. Then, if the message may be sent again, a ticket with
 * the number it is tried under: whoever repeats a call that was cut short looks there, and takes another number only
 * when that one went to somebody else. Then the newest message is filed, so that replacing it loses nothing. Then it is
 * replaced: from here on the message is sent. Hints come last, and are mended by the repair.
 */
export async function appendMessage(ports: Ports, outgoing: Outgoing): Promise<MessageRecord | Refusal> {
  const { fleet, log, id, from, json, repeatable } = outgoing;
  const { messages } = ports.record;
  const nowMs = ports.clock.nowMs();
  let ticket: TicketRecord | null = repeatable ? await messages.tickets.get(fleet, id) : null;
  const counts = ticket !== null && ticket.expiresAtMs > nowMs;
  const sentAtMs = ticket && counts ? ticket.sentAtMs : nowMs;
  const expiresAtMs = sentAtMs + MESSAGE_KEPT_MS;
  const before = ticket && counts ? await messageAt(ports, outgoing, ticket.number) : null;
  if (before) return announced(ports, before, null, json);

  const body = await messages.putBody({ fleet, log, id, expiresAtMs }, json);
  const bytes = Buffer.byteLength(json);
  const draft = { v: 1, fleet, log, id, from, body, bytes, sentAtMs, expiresAtMs } as const;
  for (let i = 0; i < TRIES; i++) {
    const [newest = null] = await messages.newest(fleet, [log]);
    const number = (newest?.rev ?? 0) + 1;
    if (repeatable && (ticket?.number !== number || ticket.expiresAtMs <= nowMs)) {
      const valid = ticket !== null && ticket.expiresAtMs > nowMs;
      // Its number has been taken since: by somebody else's message, or by another try of this one.
      const ours = ticket && valid ? await messageAt(ports, outgoing, ticket.number) : null;
      if (ours) return announced(ports, ours, null, json);
      ticket = await messages.tickets.commit(ticket, {
        v: 1,
        rev: ticket?.rev ?? 0,
        ...{ fleet, id, log, number, sentAtMs, expiresAtMs },
      });
      if (!ticket) {
        ticket = await messages.tickets.get(fleet, id);
        continue;
      }
    }
    const living = newest && newest.expiresAtMs > nowMs ? newest : null;
    if (living) await messages.put(living);
    const written =
      (await messages.commit(newest, { ...draft, rev: newest?.rev ?? 0 })) ??
      // Refused: by another's message, by another try of this one, or by our own whose answer was lost.
      (await messageAt(ports, outgoing, number));
    if (written) return announced(ports, written, living, json);
  }
  return refuse("conflict.retry", `Gave up after ${TRIES} tries, because others kept writing to ${log}.`);
}

/** This message, if it is what has the number. */
async function messageAt(
  { record }: Ports,
  { fleet, log, id }: Outgoing,
  number: number,
): Promise<MessageRecord | null> {
  const [newest] = await record.messages.newest(fleet, [log]);
  const found = newest?.rev === number ? newest : await record.messages.filed(fleet, log, number);
  return found?.id === id ? found : null;
}

/** Tells Redis of it. The message is in the record, so a failure here costs time: the repair finds Redis behind. */
async function announced(
  ports: Ports,
  message: MessageRecord,
  previous: MessageRecord | null,
  json: string,
): Promise<MessageRecord> {
  const { fleet, log, rev, expiresAtMs } = message;
  const { inboxes } = ports.registry;
  const session = sessionOf(log);
  try {
    if (session === null)
      await inboxes.announce(fleet, log, { number: rev, expiresAtMs }, ports.clock.nowMs());
    else
      await inboxes.deliver(fleet, session, { rev, expiresAtMs, recent: recentOf(message, previous, json) });
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    ports.log.warn("message not announced; the repair will", { fleet, log, number: rev });
  }
  return message;
}

/** What a heartbeat may carry by itself: this message if it is small, with the one before it if both are. */
function recentOf(message: MessageRecord, previous: MessageRecord | null, json: string): OwnLog["recent"] {
  if (message.bytes > MESSAGES_BEAT_BYTES_LIMIT) return [];
  const own = { number: message.rev, message: messageView(message, json) };
  const both = previous?.rev === message.rev - 1 && previous.body.at === "inline" ? previous : null;
  if (both?.body.at !== "inline" || both.bytes + message.bytes > MESSAGES_BEAT_BYTES_LIMIT) return [own];
  return [{ number: both.rev, message: messageView(both, both.body.json) }, own];
}

/** A message as its readers get it. */
export function messageView({ id, from, log, sentAtMs }: MessageRecord, json: string): Message {
  return { id, from, to: log, body: JSON.parse(json) as unknown, sentAt: new Date(sentAtMs).toISOString() };
}
