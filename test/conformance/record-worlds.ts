import { randomUUID } from "node:crypto";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { startDynamo } from "../../infra/local/dynamo.ts";
import { readElsewhere } from "../../infra/local/elsewhere.ts";
import { startQueuesAndObjects } from "../../infra/local/queues-and-objects.ts";
import { createDynamoRecord } from "../../shared/adapters/dynamo/record.ts";
import { createMemoryRecord } from "../../shared/adapters/memory/record.ts";
import { createObjectStore } from "../../shared/adapters/s3/object-store.ts";
import type { RecordStore } from "../../shared/ports/record.ts";

export const CREDENTIALS = {
  region: "us-east-1",
  credentials: { accessKeyId: "local", secretAccessKey: "local" },
};

/** Time stands still until the test moves it. */
export function createTestClock(startMs = Date.UTC(2030, 0, 1)) {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    advance(ms: number) {
      nowMs += ms;
    },
  };
}
export type TestClock = ReturnType<typeof createTestClock>;

/** A record under test, whose clock the test moves. */
export type RecordWorld = { readonly record: RecordStore; readonly clock: TestClock; stop(): Promise<void> };

export async function startMemoryWorld(): Promise<RecordWorld> {
  const clock = createTestClock();
  return { record: createMemoryRecord(clock), clock, stop: async () => undefined };
}

/** A DynamoDB table and an S3 bucket behind their real protocols: embedded ones, or where the environment says they are. */
export async function startDynamoWorld() {
  const elsewhere = readElsewhere(process.env);
  const prefix = `shim-${randomUUID()}`;
  const [table, bucket] = [`${prefix}-record`, `${prefix}-payloads`];
  const fail = (error: Error) => {
    throw error;
  };
  const dynamo = await startDynamo({
    endpoint: elsewhere.dynamo,
    path: null,
    tableName: table,
    onFailure: fail,
  });
  const aws = await startQueuesAndObjects({
    endpoint: elsewhere.queuesAndObjects,
    prefix,
    queues: {},
    bucketName: bucket,
    objectsPath: null,
  });
  const { endpoint } = dynamo;
  const client = new DynamoDBClient({ endpoint, ...CREDENTIALS });
  const s3 = new S3Client({ endpoint: aws.endpoint, forcePathStyle: true, ...CREDENTIALS });
  const clock = createTestClock();
  const objects = createObjectStore({ client: s3, bucket });
  return {
    clock,
    client,
    endpoint,
    table,
    bucket,
    s3,
    objects,
    record: createDynamoRecord({ client, table, objects, clock }),
    async stop() {
      client.destroy();
      s3.destroy();
      await aws.close();
      await dynamo.close();
    },
  } satisfies RecordWorld & Record<string, unknown>;
}
export type DynamoWorld = Awaited<ReturnType<typeof startDynamoWorld>>;
