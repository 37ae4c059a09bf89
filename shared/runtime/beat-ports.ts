import { createAgenda } from "../adapters/upstash/agenda.ts";
import { createKeyMirror } from "../adapters/upstash/key-mirror.ts";
import { createRedis } from "../adapters/upstash/redis.ts";
import { createBeatRegistry } from "../adapters/upstash/registry.ts";
import type { BeatPorts } from "../ports/ports.ts";
import { systemClock } from "./clock.ts";
import { link } from "./links.ts";
import { processLog } from "./log.ts";
import { settings } from "./settings.ts";

/** Upstash's script flag for locking keys instead of the database; plain Redis refuses it. */
function keyLocking(): boolean {
  return new URL(link("Redis", "url")).hostname.endsWith(".upstash.io");
}

export function connectRedis() {
  return createRedis({ url: link("Redis", "url"), token: link("Redis", "token"), keyLocking: keyLocking() });
}

let ports: BeatPorts | undefined;

/** The ports of the heartbeat, which must stay light: nothing of AWS. One connection per function instance. */
export function beatPorts(): BeatPorts {
  if (ports) return ports;
  const redis = connectRedis();
  ports = {
    settings,
    clock: systemClock,
    registry: createBeatRegistry(redis),
    keyMirror: createKeyMirror(redis),
    agenda: createAgenda(redis),
    log: processLog,
  };
  return ports;
}
