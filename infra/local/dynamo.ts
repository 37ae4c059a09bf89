import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ResourceInUseException,
} from "@aws-sdk/client-dynamodb";
import { CREDENTIALS, REGION } from "./account.ts";
import type { DynamoWorkerData, DynamoWorkerMessage } from "./dynamo-worker.ts";
import { LOOPBACK } from "./free-port.ts";
import { checkStore } from "./store-check.ts";

const CLOSE_WITHIN_MS = 3_000;
const TABLE_READY_WITHIN_MS = 5_000;
const TABLE_POLL_MS = 5;

export type Dynamo = { readonly endpoint: string; close(): Promise<void> };

export type DynamoOptions = {
  /** A DynamoDB that runs already; nothing is started then. */
  endpoint?: string;
  /** Folder of the store, or null to keep everything in memory. */
  path: string | null;
  tableName: string;
  /** Where the cloud that used this folder last answers, for the case that it still runs. */
  knownUrl?: string;
  /** Called if the store breaks after its start: nothing answers any more. */
  onFailure: (error: Error) => void;
};

/**
 * Starts DynamoDB with the record's table. Throws `StartError` if another process has the folder open, or if it
 * is not a store that opens.
 */
export async function startDynamo(options: DynamoOptions): Promise<Dynamo> {
  const { path, tableName, knownUrl, onFailure } = options;
  if (options.endpoint !== undefined) {
    await createTable(options.endpoint, tableName);
    return { endpoint: options.endpoint, close: async () => undefined };
  }
  if (path !== null) await checkStore(path, knownUrl);
  const worker = new Worker(new URL("./dynamo-worker.ts", import.meta.url), {
    workerData: { path } satisfies DynamoWorkerData,
  });
  const [{ port }] = (await once(worker, "message")) as [DynamoWorkerMessage];
  worker.on("error", onFailure);
  const endpoint = `http://${LOOPBACK}:${port}`;
  const close = () => closeWorker(worker);
  try {
    await createTable(endpoint, tableName);
  } catch (error) {
    await close();
    throw error;
  }
  return { endpoint, close };
}

async function closeWorker(worker: Worker): Promise<void> {
  const exited = once(worker, "exit");
  worker.postMessage("close");
  // LevelDB loses nothing by being cut off; waiting only spares the next start its recovery.
  await Promise.race([exited, setTimeout(CLOSE_WITHIN_MS, undefined, { ref: false })]);
  await worker.terminate();
}

async function createTable(endpoint: string, tableName: string): Promise<void> {
  const client = new DynamoDBClient({ endpoint, region: REGION, credentials: CREDENTIALS });
  try {
    await client.send(
      new CreateTableCommand({
        TableName: tableName,
        BillingMode: "PAY_PER_REQUEST",
        AttributeDefinitions: ["pk", "sk", "openPk", "openSk"].map((name) => ({
          AttributeName: name,
          AttributeType: "S",
        })),
        KeySchema: keySchema("pk", "sk"),
        GlobalSecondaryIndexes: [
          {
            IndexName: "open",
            KeySchema: keySchema("openPk", "openSk"),
            Projection: { ProjectionType: "KEYS_ONLY" },
          },
        ],
      }),
    );
    await waitUntilActive(client, tableName);
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  } finally {
    client.destroy();
  }
}

function keySchema(partitionKey: string, sortKey: string) {
  return [
    { AttributeName: partitionKey, KeyType: "HASH" as const },
    { AttributeName: sortKey, KeyType: "RANGE" as const },
  ];
}

async function waitUntilActive(client: DynamoDBClient, tableName: string): Promise<void> {
  const giveUpAt = performance.now() + TABLE_READY_WITHIN_MS;
  while (performance.now() < giveUpAt) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
    if (Table?.TableStatus === "ACTIVE") return;
    await setTimeout(TABLE_POLL_MS);
  }
  throw new Error(`The table ${tableName} was not ready within ${TABLE_READY_WITHIN_MS} ms.`);
}
