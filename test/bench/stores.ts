import { randomBytes } from "node:crypto";
import { startDynamo } from "../../infra/local/dynamo.ts";
import { CREDENTIALS, REGION } from "../../infra/local/account.ts";
import { startRedis } from "../../infra/local/redis.ts";
import { startUpstashRest } from "../../infra/local/upstash-rest.ts";
import { AWS_CLIENT_OPTIONS } from "../../shared/adapters/aws/client-options.ts";
import { createDynamoRecord } from "../../shared/adapters/dynamo/record.ts";
import { noAllocator, noMirror } from "../../shared/adapters/memory/allocator.ts";
import { createMemoryRecord } from "../../shared/adapters/memory/record.ts";
import { createAgenda } from "../../shared/adapters/upstash/agenda.ts";
import { createHeldBack } from "../../shared/adapters/upstash/held-back.ts";
import { createKeyMirror } from "../../shared/adapters/upstash/key-mirror.ts";
import { createRedis } from "../../shared/adapters/upstash/redis.ts";
import { createRegistry } from "../../shared/adapters/upstash/registry.ts";
import { type RestRequest, createRestSender } from "../../shared/adapters/upstash/rest-client.ts";
import { createTallies } from "../../shared/adapters/upstash/tallies.ts";
import { createWorkQueue } from "../../shared/adapters/upstash/work-queue.ts";
import { systemChance } from "../../shared/runtime/clock.ts";
import type { Log, Ports } from "../../shared/ports/ports.ts";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { RecordStore } from "../../shared/ports/record.ts";
import type { Redis } from "ioredis";

export const TABLE = "bench";

export type BenchStores = {
  readonly ports: Ports;
  /** A connection to the redis-server itself, past the REST server. */
  readonly redis: Redis;
  /** Where requests to Redis go, and who is told of each (null: nobody). */
  readonly rest: { readonly url: string; onRequest: ((request: RestRequest) => void) | null };
  /** Where the real DynamoDB client sends its requests; null if the record is in memory. */
  readonly dynamo: DynamoDBClient | null;
  /** Moves the clock on, as if this long had been waited. */
  advance(ms: number): void;
  /** Tasks that were announced since the last call, by fleet: what the dispatch queue would have delivered. */
  takeEvents(): { fleet: string; taskIds: string[] }[];
  close(): Promise<void>;
};

/**
 * A real redis-server on a free loopback port behind the embedded Upstash REST server, with the adapters that are
 * deployed; the record in memory, or in the embedded DynamoDB. Everything ends with this process, however it ends.
 */
export async function startBenchStores(record: "memory" | "dynamo"): Promise<BenchStores> {
  const server = await startRedis({ engine: "redis-server" });
  const upstash = await startUpstashRest({ redis: server, token: randomBytes(16).toString("hex") });
  const redis = server.connect();
  const dynamo = record === "dynamo" ? await openDynamo() : null;
  let aheadMs = 0;
  const clock = {
    nowMs: () => Date.now() + aheadMs,
    wait: async (ms: number) => {
      aheadMs += ms;
    },
  };
  const rest: BenchStores["rest"] = { url: upstash.url, onRequest: null };
  const send = createRestSender(upstash.url);
  const client = createRedis(upstash, (request, timeoutMs) => {
    rest.onRequest?.(request);
    return send(request, timeoutMs);
  });
  const events: { fleet: string; taskIds: string[] }[] = [];
  const ignore = () => undefined;
  const error = (message: string) => process.stderr.write(`error: ${message}\n`);
  const log: Log = { info: ignore, warn: ignore, error, with: () => log };
  const ports: Ports = {
    settings: {
      defaultProfile: "standard",
      heartbeatUrl: "http://127.0.0.1/v1/heartbeat",
      signingKeys: [{ id: "k1", secret: randomBytes(32) }],
    },
    clock,
    chance: systemChance,
    record: dynamo ? dynamo.open(clock) : createMemoryRecord(clock),
    registry: createRegistry(client),
    keyMirror: createKeyMirror(client),
    workQueue: createWorkQueue(client),
    heldBack: createHeldBack(client),
    agenda: createAgenda(client),
    events: {
      tasksReady: async (fleet, taskIds) => void events.push({ fleet, taskIds: [...taskIds] }),
      wakeSweep: async () => undefined,
    },
    log,
    metrics: { note: async () => undefined, gauge: async () => undefined },
    allocator: noAllocator,
    mirror: noMirror,
    tallies: createTallies(client),
  };
  return {
    ports,
    redis,
    rest,
    dynamo: dynamo?.client ?? null,
    advance: (ms) => void (aheadMs += Math.ceil(ms)),
    takeEvents: () => events.splice(0),
    async close() {
      redis.disconnect();
      await upstash.close();
      await server.close();
      await dynamo?.close();
    },
  };
}

export function dynamoClientOf(endpoint: string): DynamoDBClient {
  return new DynamoDBClient({ ...AWS_CLIENT_OPTIONS, endpoint, region: REGION, credentials: CREDENTIALS });
}

async function openDynamo() {
  const dynamo = await startDynamo({
    path: null,
    tableName: TABLE,
    onFailure: (error) => process.stderr.write(`DynamoDB: ${error.message}\n`),
  });
  const client = dynamoClientOf(dynamo.endpoint);
  const noObjects = () =>
    Promise.reject(new Error("Nothing in this benchmark is large enough to be an object."));
  return {
    client,
    open: (clock: Ports["clock"]): RecordStore =>
      createDynamoRecord({
        client,
        table: TABLE,
        objects: { put: noObjects, get: noObjects, close: noObjects },
        clock,
      }),
    async close() {
      client.destroy();
      await dynamo.close();
    },
  };
}
