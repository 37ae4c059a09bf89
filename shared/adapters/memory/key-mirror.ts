import type { KeyMirror } from "../../ports/registry.ts";
import type { Losable } from "./losable.ts";

/** The key mirror in this process. */
export function createMemoryKeyMirror(): KeyMirror & Losable {
  let statuses = new Map<string, "active" | "revoked">();

  return {
    async get(fleet, keyId) {
      return statuses.get(`${fleet}:${keyId}`) ?? null;
    },
    async set(fleet, keyId, status) {
      const key = `${fleet}:${keyId}`;
      if (status === "revoked" || !statuses.has(key)) statuses.set(key, status);
    },
    lose() {
      statuses.clear();
    },
    save() {
      const saved = new Map(statuses);
      return () => {
        statuses = new Map(saved);
      };
    },
  };
}
