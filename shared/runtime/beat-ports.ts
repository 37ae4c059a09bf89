import { createBeatAgenda } from "../adapters/upstash/agenda.ts";
import { createBeatRedis } from "../adapters/upstash/beat-redis.ts";
import { createKeyMirror } from "../adapters/upstash/key-mirror.ts";
import { createBeatRegistry } from "../adapters/upstash/registry.ts";
import { createBeatTallies } from "../adapters/upstash/tallies.ts";
import type { BeatPorts, Metrics } from "../ports/ports.ts";
import { createBeatLog } from "./beat-log.ts";
import { type BeatMeter, createBeatMeter } from "./beat-meter.ts";
import { systemClock } from "./clock.ts";
import { link } from "./links.ts";
import { withTallies } from "./metrics.ts";
import { settings } from "./settings.ts";

type MeteredPorts = BeatPorts & { readonly meter: BeatMeter };

let ports: MeteredPorts | undefined;

/** Read when the first metric is told, which most instances do long after their first beat, if ever. */
function lazyMetrics(): Metrics {
  let made: Promise<Metrics> | undefined;
  const metrics = () =>
    (made ??= import("../adapters/powertools/metrics.ts").then(({ createMetrics }) => createMetrics()));
  return {
    note: async (...event) => (await metrics()).note(...event),
    gauge: async (...gauges) => (await metrics()).gauge(...gauges),
  };
}

/** The ports of the heartbeat, which must stay light: nothing of AWS, and no more of Redis than a beat needs. One connection per function instance. */
export function beatPorts(): MeteredPorts {
  if (ports) return ports;
  const told = lazyMetrics();
  const meter = createBeatMeter(told, systemClock);
  const log = createBeatLog((line) => process.stdout.write(line));
  const redis = createBeatRedis({
    url: link("Redis", "url"),
    token: link("Redis", "token"),
    onCommands: (count) => {
      meter.commandsSent(count);
    },
  });
  ports = {
    settings,
    clock: systemClock,
    registry: createBeatRegistry(redis),
    keyMirror: createKeyMirror(redis),
    agenda: createBeatAgenda(redis),
    log,
    metrics: withTallies(told, createBeatTallies(redis), log),
    meter,
  };
  return ports;
}
