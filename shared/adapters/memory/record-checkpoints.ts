import { createHash } from "node:crypto";
import { CheckpointRecord, TaskCheckpointRecord } from "../../contract/records.ts";
import type { CheckpointStore } from "../../ports/record.ts";
import { deepFrozen } from "./deep-frozen.ts";
import { createMemoryDocuments } from "./record-documents.ts";

const place = (fleet: string, session: string) => `${fleet}#${session}`;

/** The newest of each session as a document, those before it by sequence; what was released is forgotten. */
export function createMemoryCheckpoints(): CheckpointStore {
  const newest = createMemoryDocuments({
    schema: CheckpointRecord,
    keyOf: ({ fleet, session }) => place(fleet, session),
  });
  const ofTask = createMemoryDocuments({
    schema: TaskCheckpointRecord,
    keyOf: ({ fleet, task }) => place(fleet, task),
  });
  const filed = new Map<string, CheckpointRecord>();
  const bodies = new Map<string, string>();
  let names = 0;
  return {
    latest: async (fleet, session) => newest.get(place(fleet, session)),
    commit: newest.commit,
    async file(checkpoint) {
      const { fleet, session, rev } = checkpoint;
      filed.set(`${place(fleet, session)}#${rev}`, deepFrozen(CheckpointRecord.parse(checkpoint)));
    },
    filed: async (fleet, session, sequence) => filed.get(`${place(fleet, session)}#${sequence}`) ?? null,
    async release({ fleet, session, rev, body }) {
      filed.delete(`${place(fleet, session)}#${rev}`);
      if (body.at !== "inline") bodies.delete(`${place(fleet, session)}#${body.key}`);
    },
    async putBody(fleet, session, json) {
      const key = `${++names}-${createHash("sha256").update(json).digest("base64url")}`;
      bodies.set(`${place(fleet, session)}#${key}`, json);
      return { ref: { at: "item", key }, bytes: Buffer.byteLength(json) };
    },
    async body(fleet, session, ref) {
      if (ref.at === "inline") return ref.json;
      return bodies.get(`${place(fleet, session)}#${ref.key}`) ?? null;
    },
    ofTask: { get: async (fleet, task) => ofTask.get(place(fleet, task)), commit: ofTask.commit },
  };
}
