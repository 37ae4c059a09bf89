import { createDynamoClient } from "../adapters/dynamo/client.ts";
import { createDynamoRecord } from "../adapters/dynamo/record.ts";
import { noAllocator, noMirror } from "../adapters/memory/allocator.ts";
import { createLog } from "../adapters/powertools/log.ts";
import { createMetrics } from "../adapters/powertools/metrics.ts";
import { createObjectStore, createS3Client } from "../adapters/s3/object-store.ts";
import { createEvents, createSqsClient } from "../adapters/sqs/events.ts";
import { createAgenda } from "../adapters/upstash/agenda.ts";
import { createHeldBack } from "../adapters/upstash/held-back.ts";
import { createKeyMirror } from "../adapters/upstash/key-mirror.ts";
import { createRedis } from "../adapters/upstash/redis.ts";
import { createRegistry } from "../adapters/upstash/registry.ts";
import { createTallies } from "../adapters/upstash/tallies.ts";
import { createWorkQueue } from "../adapters/upstash/work-queue.ts";
import type { Events, Ports } from "../ports/ports.ts";
import type { ObjectStore } from "../adapters/s3/object-store.ts";
import { systemChance, systemClock } from "./clock.ts";
import { link } from "./links.ts";
import { withTallies } from "./metrics.ts";
import { settings } from "./settings.ts";

/** Made when first used: a function that never touches objects has no link to the bucket. */
function lazyObjects(): ObjectStore {
  let store: ObjectStore | undefined;
  const objects = () =>
    (store ??= createObjectStore({ client: createS3Client(), bucket: link("Payloads", "name") }));
  return {
    put: (key, bytes, keptMs) => objects().put(key, bytes, keptMs),
    get: (key) => objects().get(key),
    close: (key, keptMs) => objects().close(key, keptMs),
  };
}

function lazyEvents(): Events {
  const client = createSqsClient();
  return {
    tasksReady: (fleet, taskIds, delayMs) =>
      createEvents({ client, dispatchUrl: link("DispatchQueue", "url"), wakeUrl: "" }).tasksReady(
        fleet,
        taskIds,
        delayMs,
      ),
    wakeSweep: () => createEvents({ client, dispatchUrl: "", wakeUrl: link("WakeQueue", "url") }).wakeSweep(),
  };
}

/** Upstash's script flag for locking keys instead of the database; plain Redis refuses it. */
function keyLocking(): boolean {
  return new URL(link("Redis", "url")).hostname.endsWith(".upstash.io");
}

let ports: Ports | undefined;

/** Everything an operation may touch, wired to the real stores. One set of connections per function instance. */
export function allPorts(): Ports {
  if (ports) return ports;
  const redis = createRedis({
    url: link("Redis", "url"),
    token: link("Redis", "token"),
    keyLocking: keyLocking(),
  });
  const log = createLog();
  const tallies = createTallies(redis);
  const record = createDynamoRecord({
    client: createDynamoClient(),
    table: link("Record", "name"),
    objects: lazyObjects(),
    clock: systemClock,
  });
  ports = {
    settings,
    clock: systemClock,
    chance: systemChance,
    record,
    registry: createRegistry(redis),
    keyMirror: createKeyMirror(redis),
    workQueue: createWorkQueue(redis),
    heldBack: createHeldBack(redis),
    agenda: createAgenda(redis),
    events: lazyEvents(),
    log,
    metrics: withTallies(createMetrics(), tallies, log),
    tallies,
    allocator: noAllocator,
    mirror: noMirror,
  };
  return ports;
}
