import { createHash, randomBytes } from "node:crypto";
import { RETENTION_MS_LIMIT } from "../../contract/limits.ts";
import { CheckpointRecord, TaskCheckpointRecord } from "../../contract/records.ts";
import type { Clock } from "../../ports/ports.ts";
import type { CheckpointStore } from "../../ports/record.ts";
import type { ObjectStore } from "../s3/object-store.ts";
import { createDocuments } from "./document.ts";
import { REMOVAL_LAG_MS, toExpirySeconds } from "./expiry.ts";
import { KEY, type Key } from "./keys.ts";
import { ITEM_BYTES_LIMIT, decode, encode } from "./payloads.ts";
import type { Table } from "./table.ts";

const DAY_MS = 24 * 3_600_000;
/** How long the newest of a session is kept, so that its sequences go on: longer than any fleet keeps a session. */
const NEWEST_KEPT_MS = 400 * DAY_MS;
/**
 * How long what was not let go of is kept, from its write. As long for every fleet: a task may wait for longer than its fleet keeps what
 * has ended, a day at the least, and its pointer and state wait with it.
 */
const KEPT_MS = RETENTION_MS_LIMIT + REMOVAL_LAG_MS;
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
 * What is not among the last any more expires a day after it was let go of, its state later than what names it.
 */
export function createCheckpoints(
  table: Table,
  objects: ObjectStore,
  clock: Pick<Clock, "nowMs">,
): CheckpointStore {
  const expiryIn = (ms: number) => toExpirySeconds(clock.nowMs() + ms);
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
    attributes: () => ({ expiresAt: expiryIn(KEPT_MS) }),
  });
  return {
    latest: (fleet, session) => newest.get(KEY.checkpoint(fleet, session)),
    commit: newest.commit,
    async file(checkpoint) {
      const { fleet, session, rev } = checkpoint;
      const expiresAt = expiryIn(KEPT_MS);
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
      if (bytes.length <= ITEM_BYTES_LIMIT) {
        const key = KEY.checkpointBody(fleet, session, name);
        await table.put({ ...key, v: 1, bytes, expiresAt: expiryIn(KEPT_MS) });
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
          : isOf(fleet, session, ref.key) && (await objects.get(ref.key));
      return bytes instanceof Uint8Array ? decode(bytes) : null;
    },
    ofTask: { get: (fleet, task) => ofTask.get(KEY.taskCheckpoint(fleet, task)), commit: ofTask.commit },
  };
}
