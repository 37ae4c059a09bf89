import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { QueueSize } from "../sizes.ts";
import type { Elsewhere } from "./elsewhere.ts";
import { startDynamo } from "./dynamo.ts";
import type { Dynamo } from "./dynamo.ts";
import { startQueuesAndObjects } from "./queues-and-objects.ts";
import type { QueuesAndObjects, QueuesAndObjectsOptions } from "./queues-and-objects.ts";
import { startRedis } from "./redis.ts";
import type { RedisEngine, RedisServer } from "./redis.ts";
import { StartError, reasonOf } from "./start-error.ts";
import type { OnCommand } from "./upstash-commands.ts";
import { startUpstashRest } from "./upstash-rest.ts";
import type { UpstashRest } from "./upstash-rest.ts";

/** What the names of table, bucket and queues begin with, if nobody says otherwise. */
const PREFIX = "shim";

export type QueueName = "dispatch" | "wake";
export type Stores = {
  dynamo: Dynamo;
  tableName: string;
  bucketName: string;
  redis: RedisServer;
  rest: UpstashRest;
  queuesAndObjects: QueuesAndObjects<QueueName>;
};

export type StoresOptions = {
  elsewhere?: Elsewhere;
  prefix?: string;
  /** Folder of the record and the objects, or null to keep them in memory. Redis and queues always are. */
  folder: string | null;
  /** Where the cloud that used this folder last answers, for the case that it still runs. */
  knownUrl?: string;
  redisEngine?: RedisEngine;
  onRedisCommand?: OnCommand;
  queueSizes: Record<QueueName, QueueSize>;
  onStep: (step: string) => void;
  onFailure: (error: Error) => void;
  /** Takes what ends each part, as soon as it runs. */
  defer: (closer: () => Promise<void>) => void;
};

/** Starts everything that handlers talk to. Throws `StartError` if the folder holds something that does not open. */
export async function startStores(options: StoresOptions): Promise<Stores> {
  const { folder, elsewhere, prefix = PREFIX, onStep, defer } = options;
  const tableName = `${prefix}-record`;
  const bucketName = `${prefix}-payloads`;
  // First, because its lock tells whether the folder is another cloud's.
  onStep("DynamoDB");
  const dynamo = await startDynamo({
    endpoint: elsewhere?.dynamo,
    path: folder === null ? null : join(folder, "dynamo"),
    tableName,
    knownUrl: options.knownUrl,
    onFailure: options.onFailure,
  });
  defer(() => dynamo.close());
  onStep("SQS and S3");
  const endpoint = elsewhere?.queuesAndObjects;
  const queuesAndObjects = await openQueuesAndObjects(
    { endpoint, prefix, queues: options.queueSizes, bucketName },
    folder,
  );
  defer(() => queuesAndObjects.close());
  onStep("Redis");
  const redis = await startRedis({ engine: options.redisEngine });
  defer(() => redis.close());
  const rest = await startUpstashRest({ redis, token: randomUUID(), onCommand: options.onRedisCommand });
  defer(() => rest.close());
  return { dynamo, tableName, bucketName, redis, rest, queuesAndObjects };
}

async function openQueuesAndObjects(
  options: Omit<QueuesAndObjectsOptions<QueueName>, "objectsPath">,
  folder: string | null,
) {
  const objectsPath = folder === null ? null : join(folder, "objects");
  try {
    return await startQueuesAndObjects({ ...options, objectsPath });
  } catch (error) {
    if (objectsPath === null) throw error;
    throw new StartError(
      `The objects in ${objectsPath} cannot be read (${reasonOf(error)}). ` +
        "Restore the state folder from a copy, or move it away to start with an empty one.",
      { cause: error },
    );
  }
}
