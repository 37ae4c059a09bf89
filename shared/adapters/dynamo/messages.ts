import { InboxRecord, MessageRecord, TicketRecord } from "../../contract/records.ts";
import type { Clock } from "../../ports/ports.ts";
import type { InboxStore, MessageStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { toExpirySeconds } from "./expiry.ts";
import { KEY, PARTITION, SORT_PREFIX, inOrder } from "./keys.ts";
import { decode, encode } from "./payloads.ts";
import type { Table } from "./table.ts";

/** UTF-8 bytes of JSON up to which a body stays in its message, which is then one write unit. */
export const BODY_INLINE_BYTES_LIMIT = 600;
/**
 * The table forgets a message this much later than readers do: who asks whether a number is taken while its ticket
 * counts must find what took it.
 */
const FORGOTTEN_AFTER_MS = 3_600_000;
/** How long the table keeps what nobody acknowledged or registered with. Without it the messages there are read anew. */
const INBOX_KEPT_MS = 30 * 24 * 3_600_000;

const expiryOf = ({ expiresAtMs }: { expiresAtMs: number }) =>
  toExpirySeconds(expiresAtMs + FORGOTTEN_AFTER_MS);

/**
 * A log is one partition: its newest message, which each new one replaces and which never expires, so that numbers go
 * on where they were; and those before it, filed under their numbers. Bodies that are not small are items of their own.
 */
export function createMessages(table: Table): MessageStore {
  const newest = createDocuments(table, {
    schema: MessageRecord,
    keyOf: ({ fleet, log }) => KEY.newestMessage(fleet, log),
  });
  const tickets = createDocuments(table, {
    schema: TicketRecord,
    keyOf: ({ fleet, id }) => KEY.ticket(fleet, id),
    attributes: (ticket) => ({ expiresAt: expiryOf(ticket) }),
  });
  return {
    newest: (fleet, logs) => newest.getMany(logs.map((log) => KEY.newestMessage(fleet, log))),
    commit: newest.commit,
    async put(message) {
      const { fleet, log, rev } = message;
      const expiresAt = expiryOf(message);
      await table.put({ ...MessageRecord.parse(message), ...KEY.message(fleet, log, rev), expiresAt });
    },
    filed: (fleet, log, number) => newest.get(KEY.message(fleet, log, number)),
    async range(fleet, log, after, limit) {
      const range = {
        pk: PARTITION.log(fleet, log),
        prefix: SORT_PREFIX.message,
        after: inOrder(after),
        limit,
      };
      return (await table.query(range)).map(newest.decode);
    },
    async putBody(message, json) {
      if (Buffer.byteLength(json) <= BODY_INLINE_BYTES_LIMIT) return { at: "inline", json };
      const { fleet, log, id } = message;
      const expiresAt = expiryOf(message);
      await table.put({ ...KEY.messageBody(fleet, log, id), v: 1, bytes: await encode(json), expiresAt });
      return { at: "item", key: id };
    },
    async bodies(messages) {
      const keys = messages.flatMap(({ fleet, log, body }) =>
        body.at === "inline" ? [] : [KEY.messageBody(fleet, log, body.key)],
      );
      const found = new Map<string, string>();
      for (const { pk, sk, bytes } of await table.getMany(keys))
        if (bytes instanceof Uint8Array) found.set(`${String(pk)} ${String(sk)}`, await decode(bytes));
      return messages.map(({ fleet, log, body }) => {
        if (body.at === "inline") return body.json;
        const { pk, sk } = KEY.messageBody(fleet, log, body.key);
        return found.get(`${pk} ${sk}`) ?? null;
      });
    },
    tickets: { get: (fleet, id) => tickets.get(KEY.ticket(fleet, id)), commit: tickets.commit },
  };
}

/** How far each session has acknowledged. */
export function createInboxes(table: Table, clock: Pick<Clock, "nowMs">): InboxStore {
  const inboxes = createDocuments(table, {
    schema: InboxRecord,
    keyOf: ({ fleet, session }) => KEY.inbox(fleet, session),
    attributes: () => ({ expiresAt: toExpirySeconds(clock.nowMs() + INBOX_KEPT_MS) }),
  });
  return {
    get: (fleet, session) => inboxes.get(KEY.inbox(fleet, session)),
    getMany: (fleet, sessions) => inboxes.getMany(sessions.map((session) => KEY.inbox(fleet, session))),
    commit: inboxes.commit,
  };
}
