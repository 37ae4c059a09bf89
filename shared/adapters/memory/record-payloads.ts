import { createHash } from "node:crypto";
import type { PayloadStore } from "../../ports/record.ts";

const INLINE_BYTES_LIMIT = 400;

/** Payloads over a map: JSON goes in and comes out, so a value is never shared. */
export function createMemoryPayloads(): PayloadStore {
  const stored = new Map<string, string>();
  const place = (fleet: string, task: string, key: string) => `${fleet}#${task}#${key}`;

  return {
    async put(fleet, task, name, value) {
      const json = JSON.stringify(value === undefined ? null : value);
      if (Buffer.byteLength(json) <= INLINE_BYTES_LIMIT) return { at: "inline", json };
      const key = `${name}#${createHash("sha256").update(json).digest("base64url")}`;
      stored.set(place(fleet, task, key), json);
      return { at: "item", key };
    },
    async get(fleet, task, ref) {
      const json = ref.at === "inline" ? ref.json : stored.get(place(fleet, task, ref.key));
      if (json === undefined) {
        const named = ref.at === "inline" ? "" : ref.key;
        throw new Error(`task ${task} of fleet ${fleet} names a payload that is not there: ${named}`);
      }
      return JSON.parse(json) as unknown;
    },
    close: async () => undefined,
  };
}
