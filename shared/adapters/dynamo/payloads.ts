import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { Clock } from "../../ports/ports.ts";
import type { PayloadStore } from "../../ports/record.ts";
import type { ObjectStore } from "../s3/object-store.ts";
import { REMOVAL_LAG_MS, toExpirySeconds } from "./expiry.ts";
import { KEY } from "./keys.ts";
import type { RetentionOf } from "./retention.ts";
import type { Table } from "./table.ts";

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** UTF-8 bytes of JSON up to which a payload stays in its task's own item. */
export const INLINE_BYTES_LIMIT = 400;
/** Stored bytes up to which a payload is an item; from here on an object costs less than write units. */
export const ITEM_BYTES_LIMIT = 8 * 1024;

/** JSON never begins with these bytes, so stored bytes tell by themselves whether they are compressed. */
const GZIP_MAGIC = [0x1f, 0x8b];

/** The bytes that a JSON text is stored as. */
export async function encode(json: string): Promise<Uint8Array> {
  const plain = Buffer.from(json);
  const compressed = await compress(plain);
  return compressed.length < plain.length ? compressed : plain;
}

/** The JSON text that was stored as these bytes. */
export async function decode(bytes: Uint8Array): Promise<string> {
  const compressed = GZIP_MAGIC.every((byte, index) => bytes[index] === byte);
  return Buffer.from(compressed ? await decompress(bytes) : bytes).toString();
}

/** Named segments, because an id may be `..`, which must never be a step up. */
const objectPrefix = (fleet: string, task: string) => `fleet=${fleet}/task=${task}/`;

/** Payloads of a task's end. Whoever puts one commits the end next, or it belongs to nothing. */
const OF_AN_END = /^(result|evidence)\b/;

/**
 * Payloads in the table or, when large, as objects. A key ends in a hash of the content, so what a committed
 * head points to is never overwritten by another request's put. What belongs to an end expires from the start, counted
 * from its put, and so goes also when the end was refused; the data of a task expires once it is closed.
 */
export function createPayloads(
  table: Table,
  objects: ObjectStore,
  retentionOf: RetentionOf,
  clock: Pick<Clock, "nowMs">,
): PayloadStore {
  /** How long from now on a payload must be there, for a task that ends now or ended a moment ago. */
  const keptMs = async (fleet: string) => (await retentionOf(fleet)).keptMs + REMOVAL_LAG_MS;
  const expiryIn = (ms: number) => toExpirySeconds(clock.nowMs() + ms);

  const read = async (fleet: string, task: string, ref: { at: "item" | "object"; key: string }) => {
    if (ref.at === "item") return (await table.get(KEY.payload(fleet, task, ref.key)))?.["bytes"];
    return ref.key.startsWith(objectPrefix(fleet, task)) ? objects.get(ref.key) : null;
  };

  return {
    async put(fleet, task, name, value) {
      const json = JSON.stringify(value === undefined ? null : value);
      if (Buffer.byteLength(json) <= INLINE_BYTES_LIMIT) return { at: "inline", json };
      const bytes = await encode(json);
      const endsMs = OF_AN_END.test(name) ? await keptMs(fleet) : undefined;
      const key = `${name}-${createHash("sha256").update(json).digest("base64url")}`;
      if (bytes.length <= ITEM_BYTES_LIMIT) {
        const expiresAt = endsMs === undefined ? undefined : expiryIn(endsMs);
        await table.put({ ...KEY.payload(fleet, task, key), v: 1, bytes, expiresAt });
        return { at: "item", key };
      }
      const objectKey = objectPrefix(fleet, task) + key;
      await objects.put(objectKey, bytes, endsMs);
      return { at: "object", key: objectKey };
    },
    async get(fleet, task, ref) {
      if (ref.at === "inline") return JSON.parse(ref.json) as unknown;
      const bytes = await read(fleet, task, ref);
      if (bytes instanceof Uint8Array) return JSON.parse(await decode(bytes)) as unknown;
      throw new Error(
        `task ${task} of fleet ${fleet} names the payload ${ref.key}, which is not there: ` +
          `it was removed by hand, or written to another table or bucket`,
      );
    },
    async close(fleet, task, ref) {
      if (ref.at === "inline") return;
      const endsMs = await keptMs(fleet);
      if (ref.at === "object") return objects.close(ref.key, endsMs);
      await table.update(KEY.payload(fleet, task, ref.key), "SET expiresAt = :expiresAt", {
        expression: "attribute_exists(pk)",
        values: { ":expiresAt": expiryIn(endsMs) },
      });
    },
  };
}
