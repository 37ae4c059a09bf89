import * as z from "zod/mini";
import type { KeyMirror } from "../../ports/registry.ts";
import type { BeatClient } from "./beat-redis.ts";
import { apiKeyKey } from "./keys.ts";

const Status = z.enum(["active", "revoked"]);

/** An unknown status is asked of the record again, so forgetting one costs a read and never an access. */
const LIFETIME_S = 24 * 3_600;

/** The status of API keys as the sweep last read it in the record. */
export function createKeyMirror(redis: BeatClient): KeyMirror {
  return {
    async get(fleet, keyId) {
      const [reply] = await redis.send((commands) => commands.get(apiKeyKey(fleet, keyId)));
      const status = Status.safeParse(reply);
      return status.success ? status.data : null;
    },
    async set(fleet, keyId, status) {
      const options = status === "active" ? ({ ex: LIFETIME_S, nx: true } as const) : { ex: LIFETIME_S };
      await redis.send((commands) => commands.set(apiKeyKey(fleet, keyId), status, options));
    },
  };
}
