import type { KeyMirror } from "../../ports/registry.ts";

/** The key mirror in this process. `lose` forgets everything, as a loss of Redis does. */
export function createMemoryKeyMirror(): KeyMirror & { lose(): void } {
  const statuses = new Map<string, "active" | "revoked">();

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
  };
}
