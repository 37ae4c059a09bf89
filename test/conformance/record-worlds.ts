import { createRequire } from "node:module";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { buildApp } from "fauxqs";
import { createDynamoRecord } from "../../shared/adapters/dynamo/record.ts";
import { createMemoryRecord } from "../../shared/adapters/memory/record.ts";
import { createObjectStore } from "../../shared/adapters/s3/object-store.ts";
import type { RecordStore } from "../../shared/ports/record.ts";

const dynalite = createRequire(import.meta.url)("dynalite") as (options: { createTableMs: number }) => Server;

export const TABLE = "record";
export const BUCKET = "payloads";
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

async function startDynalite(): Promise<{ endpoint: string; server: Server }> {
  const server = dynalite({ createTableMs: 0 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

async function createTable(client: DynamoDBClient): Promise<void> {
  const names = ["pk", "sk", "openPk", "openSk"];
  await client.send(
    new CreateTableCommand({
      TableName: TABLE,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: names.map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: "open",
          KeySchema: [
            { AttributeName: "openPk", KeyType: "HASH" },
            { AttributeName: "openSk", KeyType: "RANGE" },
          ],
          Projection: { ProjectionType: "KEYS_ONLY" },
        },
      ],
    }),
  );
  for (let tries = 0; tries < 200; tries++) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: TABLE }));
    if (Table?.TableStatus === "ACTIVE") return;
    await wait(5);
  }
  throw new Error("the table did not become active in a second: see dynalite's createTableMs");
}

/** A DynamoDB table and an S3 bucket behind their real protocols, in this process and in memory. */
export async function startDynamoWorld() {
  const { endpoint, server } = await startDynalite();
  const aws = buildApp({ logger: false });
  const s3Endpoint = await aws.listen({ port: 0, host: "127.0.0.1" });
  const client = new DynamoDBClient({ endpoint, ...CREDENTIALS });
  const s3 = new S3Client({ endpoint: s3Endpoint, forcePathStyle: true, ...CREDENTIALS });
  await createTable(client);
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));

  const clock = createTestClock();
  const objects = createObjectStore({ client: s3, bucket: BUCKET });
  return {
    clock,
    client,
    endpoint,
    s3,
    objects,
    record: createDynamoRecord({ client, table: TABLE, objects, clock }),
    async stop() {
      client.destroy();
      s3.destroy();
      await aws.close();
      await new Promise((resolve) => server.close(resolve));
    },
  } satisfies RecordWorld & Record<string, unknown>;
}
export type DynamoWorld = Awaited<ReturnType<typeof startDynamoWorld>>;
