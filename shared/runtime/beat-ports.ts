import { createBeatAgenda } from "../adapters/upstash/agenda.ts";
import { createBeatRedis } from "../adapters/upstash/beat-redis.ts";
import { createKeyMirror } from "../adapters/upstash/key-mirror.ts";
import { createBeatRegistry } from "../adapters/upstash/registry.ts";
import type { BeatPorts } from "../ports/ports.ts";
import { systemClock } from "./clock.ts";
import { link } from "./links.ts";
import { processLog } from "./log.ts";
import { settings } from "./settings.ts";

let ports: BeatPorts | undefined;

/** The ports of the heartbeat, which must stay light: nothing of AWS, and no more of Redis than a beat needs. One connection per function instance. */
export function beatPorts(): BeatPorts {
  if (ports) return ports;
  const redis = createBeatRedis({ url: link("Redis", "url"), token: link("Redis", "token") });
  ports = {
    settings,
    clock: systemClock,
    registry: createBeatRegistry(redis),
    keyMirror: createKeyMirror(redis),
    agenda: createBeatAgenda(redis),
    log: processLog,
  };
  return ports;
}
