import { createHash, randomBytes } from "node:crypto";
import { CheckpointRecord, TaskCheckpointRecord } from "../../contract/records.ts";
import type { Clock } from "../../ports/ports.ts";
import type { CheckpointStore } from "../../ports/record.ts";
import type { ObjectStore } from "../s3/object-store.ts";
import { createDocuments } from "./document.ts";
import { REMOVAL_LAG_MS, toExpirySeconds } from "./expiry.ts";
import { KEY, type Key } from "./keys.ts";
import { ITEM_BYTES_LIMIT, decode, encode } from "./payloads.ts";
import type { RetentionOf } from "./retention.ts";
import type { Table } from "./table.ts";

const DAY_MS = 24 * 3_600_000;
/** How long the newest of a session is kept, so that its sequences go on: longer than any fleet keeps a session. */
const NEWEST_KEPT_MS = 400 * DAY_MS;
/** After this a filed checkpoint that nobody is likely to ask for expires; its state, like all that others name, later. */
const RELEASED_AFTER_MS = DAY_MS;

const objectPrefix = (fleet: string, session: string) => `fleet=${fleet}/session=${session}/`;
const isOf = (fleet: string, session: string, object: string) =>
  object.startsWith(objectPrefix(fleet, session));

/**
 * The newest of a session is one document, which the next replaces; those before it are filed. A state is an item or, when large, an
 * object. Its name is drawn anew each time, because a state that two checkpoints share could not go with one of them, and ends in a
 * hash of it.
 *
 * States go by themselves when their fleet's retention has passed since they were written, later than what names them.
 */
export function createCheckpoints(
  table: Table,
  objects: ObjectStore,
  retentionOf: RetentionOf,
  clock: Pick<Clock, "nowMs">,
): CheckpointStore {
  const expiryIn = (ms: number) => toExpirySeconds(clock.nowMs() + ms);
  const keptMs = async (fleet: string) => (await retentionOf(fleet)).keptMs;
  const expire = (key: Key, ms: number) =>
    table.update(key, "SET expiresAt = :expiresAt", {
      expression: "attribute_exists(pk)",
      values: { ":expiresAt": expiryIn(ms) },
    });
  const newest = createDocuments(table, {
    schema: CheckpointRecord,
    keyOf: ({ fleet, session }) => KEY.checkpoint(fleet, session),
    attributes: () => ({ expiresAt: expiryIn(NEWEST_KEPT_MS) }),
  });
  const ofTask = createDocuments(table, {
    schema: TaskCheckpointRecord,
    keyOf: ({ fleet, task }) => KEY.taskCheckpoint(fleet, task),
    attributes: async ({ fleet }) => ({ expiresAt: expiryIn(await keptMs(fleet)) }),
  });
  return {
    latest: (fleet, session) => newest.get(KEY.checkpoint(fleet, session)),
    commit: newest.commit,
    async file(checkpoint) {
      const { fleet, session, rev, atMs } = checkpoint;
      const expiresAt = toExpirySeconds(atMs + (await keptMs(fleet)));
      await table.put({
        ...CheckpointRecord.parse(checkpoint),
        ...KEY.filedCheckpoint(fleet, session, rev),
        expiresAt,
      });
    },
    filed: (fleet, session, sequence) => newest.get(KEY.filedCheckpoint(fleet, session, sequence)),
    async release({ fleet, session, rev, body }) {
      const stateMs = RELEASED_AFTER_MS + REMOVAL_LAG_MS;
      if (body.at === "item") await expire(KEY.checkpointBody(fleet, session, body.key), stateMs);
      if (body.at === "object" && isOf(fleet, session, body.key)) await objects.close(body.key, stateMs);
      // Last: who was killed before it, or finds it expiring, has nothing that names a state which is gone.
      await expire(KEY.filedCheckpoint(fleet, session, rev), RELEASED_AFTER_MS);
    },
    async putBody(fleet, session, json) {
      const bytes = await encode(json);
      const hash = createHash("sha256").update(json).digest("base64url");
      const name = `${randomBytes(6).toString("hex")}-${hash}`;
      const endsMs = (await keptMs(fleet)) + REMOVAL_LAG_MS;
      if (bytes.length <= ITEM_BYTES_LIMIT) {
        const key = KEY.checkpointBody(fleet, session, name);
        await table.put({ ...key, v: 1, bytes, expiresAt: expiryIn(endsMs) });
        return { ref: { at: "item", key: name }, bytes: bytes.length };
      }
      const key = `${objectPrefix(fleet, session)}checkpoint-${name}`;
      await objects.put(key, bytes, endsMs);
      return { ref: { at: "object", key }, bytes: bytes.length };
    },
    async body(fleet, session, ref) {
      if (ref.at === "inline") return ref.json;
      const bytes =
        ref.at === "item"
          ? (await table.get(KEY.checkpointBody(fleet, session, ref.key)))?.["bytes"]
          : isOf(fleet, session, ref.key) && (await objects.get(ref.key));
      return bytes instanceof Uint8Array ? decode(bytes) : null;
    },
    ofTask: { get: (fleet, task) => ofTask.get(KEY.taskCheckpoint(fleet, task)), commit: ofTask.commit },
  };
}
