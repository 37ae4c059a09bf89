import { createHash, randomBytes } from "node:crypto";
import { RETENTION_MS_LIMIT } from "../../contract/limits.ts";
import { CheckpointRecord, TaskCheckpointRecord } from "../../contract/records.ts";
import type { Clock } from "../../ports/ports.ts";
import type { CheckpointStore } from "../../ports/record.ts";
import type { ObjectStore } from "../s3/object-store.ts";
import { createDocuments } from "./document.ts";
import { REMOVAL_LAG_MS, toExpirySeconds } from "./expiry.ts";
import { KEY } from "./keys.ts";
import { ITEM_BYTES_LIMIT, decode, encode } from "./payloads.ts";
import type { Table } from "./table.ts";

/**
 * How long a state and what names it are kept, from when they are written. As long for every fleet, and as long as any keeps a task: a
 * task may wait longer than its fleet keeps what has ended, and its latest checkpoint waits with it.
 */
const KEPT_MS = RETENTION_MS_LIMIT + REMOVAL_LAG_MS;

const objectPrefix = (fleet: string, session: string) => `fleet=${fleet}/session=${session}/`;

/**
 * The newest of a session is one document, which the next replaces; those before it are filed. A state is an item or, when large, an
 * object, written before what names it. Its name is random, so that it is one checkpoint's alone and goes with it, and ends in a
 * hash of what it holds.
 */
export function createCheckpoints(
  table: Table,
  objects: ObjectStore,
  clock: Pick<Clock, "nowMs">,
): CheckpointStore {
  const attributes = () => ({ expiresAt: toExpirySeconds(clock.nowMs() + KEPT_MS) });
  const newest = createDocuments(table, {
    schema: CheckpointRecord,
    keyOf: ({ fleet, session }) => KEY.checkpoint(fleet, session),
    attributes,
  });
  const ofTask = createDocuments(table, {
    schema: TaskCheckpointRecord,
    keyOf: ({ fleet, task }) => KEY.taskCheckpoint(fleet, task),
    attributes,
  });
  return {
    latest: (fleet, session) => newest.get(KEY.checkpoint(fleet, session)),
    commit: newest.commit,
    async file(checkpoint) {
      const { fleet, session, rev } = checkpoint;
      const filed = CheckpointRecord.parse(checkpoint);
      await table.put({ ...filed, ...KEY.filedCheckpoint(fleet, session, rev), ...attributes() });
    },
    filed: (fleet, session, sequence) => newest.get(KEY.filedCheckpoint(fleet, session, sequence)),
    async release({ fleet, session, rev, body }) {
      // Its name goes first: what is named is there.
      await table.remove(KEY.filedCheckpoint(fleet, session, rev));
      if (body.at === "item") await table.remove(KEY.checkpointBody(fleet, session, body.key));
      else if (body.at === "object" && body.key.startsWith(objectPrefix(fleet, session)))
        await objects.remove(body.key);
    },
    async putBody(fleet, session, json) {
      const bytes = await encode(json);
      const hash = createHash("sha256").update(json).digest("base64url");
      const name = `${randomBytes(9).toString("base64url")}-${hash}`;
      if (bytes.length <= ITEM_BYTES_LIMIT) {
        await table.put({ ...KEY.checkpointBody(fleet, session, name), v: 1, bytes, ...attributes() });
        return { ref: { at: "item", key: name }, bytes: bytes.length };
      }
      const key = `${objectPrefix(fleet, session)}checkpoint-${name}`;
      await objects.put(key, bytes, KEPT_MS);
      return { ref: { at: "object", key }, bytes: bytes.length };
    },
    async body(fleet, session, ref) {
      if (ref.at === "inline") return ref.json;
      const bytes =
        ref.at === "item"
          ? (await table.get(KEY.checkpointBody(fleet, session, ref.key)))?.["bytes"]
          : ref.key.startsWith(objectPrefix(fleet, session)) && (await objects.get(ref.key));
      return bytes instanceof Uint8Array ? decode(bytes) : null;
    },
    ofTask: { get: (fleet, task) => ofTask.get(KEY.taskCheckpoint(fleet, task)), commit: ofTask.commit },
  };
}
