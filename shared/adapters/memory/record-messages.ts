import { InboxRecord, MessageRecord, TicketRecord } from "../../contract/records.ts";
import type { InboxStore, MessageStore } from "../../ports/record.ts";
import { deepFrozen } from "./deep-frozen.ts";
import { createMemoryDocuments } from "./record-documents.ts";

const BODY_INLINE_BYTES_LIMIT = 600;

const place = (fleet: string, log: string) => `${fleet}#${log}`;

/** Logs of messages: the newest as a document, those before it by number. */
export function createMemoryMessages(): MessageStore {
  const newest = createMemoryDocuments({
    schema: MessageRecord,
    keyOf: ({ fleet, log }) => place(fleet, log),
  });
  const tickets = createMemoryDocuments({ schema: TicketRecord, keyOf: ({ fleet, id }) => place(fleet, id) });
  const filed = new Map<string, Map<number, MessageRecord>>();
  const bodies = new Map<string, string>();
  return {
    newest: async (fleet, logs) => newest.getMany(logs.map((log) => place(fleet, log))),
    commit: newest.commit,
    async put(message) {
      const at = place(message.fleet, message.log);
      const log = filed.get(at) ?? new Map<number, MessageRecord>();
      filed.set(at, log.set(message.rev, deepFrozen(MessageRecord.parse(message))));
    },
    filed: async (fleet, log, number) => filed.get(place(fleet, log))?.get(number) ?? null,
    async range(fleet, log, after, limit) {
      const all = [...(filed.get(place(fleet, log))?.values() ?? [])];
      return all
        .filter(({ rev }) => rev > after)
        .sort((a, b) => a.rev - b.rev)
        .slice(0, limit);
    },
    async putBody({ fleet, log, id }, json) {
      if (Buffer.byteLength(json) <= BODY_INLINE_BYTES_LIMIT) return { at: "inline", json };
      bodies.set(place(fleet, `${log}#${id}`), json);
      return { at: "item", key: id };
    },
    async bodies(messages) {
      return messages.map(({ fleet, log, body }) =>
        body.at === "inline" ? body.json : (bodies.get(place(fleet, `${log}#${body.key}`)) ?? null),
      );
    },
    tickets: { get: async (fleet, id) => tickets.get(place(fleet, id)), commit: tickets.commit },
  };
}

/** How far each session has acknowledged. */
export function createMemoryInboxes(): InboxStore {
  const inboxes = createMemoryDocuments({
    schema: InboxRecord,
    keyOf: ({ fleet, session }) => place(fleet, session),
  });
  return {
    get: async (fleet, session) => inboxes.get(place(fleet, session)),
    getMany: async (fleet, sessions) => inboxes.getMany(sessions.map((session) => place(fleet, session))),
    commit: inboxes.commit,
  };
}
