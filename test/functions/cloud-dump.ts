import { DynamoDBClient, GetItemCommand, ScanCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import { CREDENTIALS, REGION } from "../../infra/local/account.ts";
import type { Cloud } from "../../infra/local/cloud.ts";
import { BUCKET_NAME, TABLE_NAME } from "../../infra/local/stores.ts";
import { KEY } from "../../shared/adapters/dynamo/keys.ts";

/** Everything the stores hold, by key. */
export type Dump = {
  readonly record: Readonly<Record<string, unknown>>;
  readonly redis: Readonly<Record<string, unknown>>;
  readonly objects: readonly string[];
};

export type CloudDump = {
  dump(): Promise<Dump>;
  /** The sweep's own item, which a dump leaves out; null before its first tick. */
  sweep(): Promise<Readonly<Record<string, unknown>> | null>;
  /** Backdates a key of the fleet `default`, so that it expired at `ms`. */
  expireKey(id: string, ms: number): Promise<void>;
  redis(...command: (string | number)[]): Promise<unknown>;
  close(): void;
};

/** What the sweep writes by itself at every tick: not the doing of any request. */
const OF_THE_SWEEP = { item: "SWEEP SWEEP", key: "shim:stamp" };

const READ_BY_TYPE: Readonly<Record<string, (key: string) => (string | number)[]>> = {
  string: (key) => ["GET", key],
  zset: (key) => ["ZRANGE", key, 0, -1, "WITHSCORES"],
  hash: (key) => ["HGETALL", key],
  set: (key) => ["SMEMBERS", key],
};

/** Reads all that an embedded cloud's stores hold, past the handlers, so that two moments can be compared. */
export function createCloudDump(cloud: Pick<Cloud, "dynamoEndpoint" | "queuesAndObjects">): CloudDump {
  const account = { region: REGION, credentials: CREDENTIALS };
  const dynamo = new DynamoDBClient({ ...account, endpoint: cloud.dynamoEndpoint });
  const s3 = new S3Client({ ...account, endpoint: cloud.queuesAndObjects.endpoint, forcePathStyle: true });

  async function dumpRecord(): Promise<Dump["record"]> {
    const items: Record<string, unknown> = {};
    let from: Awaited<ReturnType<typeof scan>>["LastEvaluatedKey"];
    do {
      const page = await scan(from);
      for (const item of (page.Items ?? []).map((each) => unmarshall(each)))
        items[`${String(item["pk"])} ${String(item["sk"])}`] = item;
      from = page.LastEvaluatedKey;
    } while (from);
    Reflect.deleteProperty(items, OF_THE_SWEEP.item);
    return items;
  }
  const scan = (from: ScanCommand["input"]["ExclusiveStartKey"]) =>
    dynamo.send(new ScanCommand({ TableName: TABLE_NAME, ConsistentRead: true, ExclusiveStartKey: from }));

  async function dumpRedis(): Promise<Dump["redis"]> {
    const keys = ((await redis("KEYS", "*")) as string[]).filter((key) => key !== OF_THE_SWEEP.key).sort();
    const types = await pipeline(keys.map((key) => ["TYPE", key]));
    const reads = keys.map((key, i) => {
      const read = READ_BY_TYPE[String(types[i])];
      if (!read)
        throw new Error(`The key ${key} is of type ${String(types[i])}, which this dump cannot read.`);
      return read(key);
    });
    const values = await pipeline(reads);
    return Object.fromEntries(
      keys.map((key, i) => [key, types[i] === "set" ? (values[i] as string[]).sort() : values[i]]),
    );
  }

  async function dumpObjects(): Promise<string[]> {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET_NAME }));
    return Contents.map(({ Key = "", ETag = "" }) => `${Key} ${ETag}`).sort();
  }

  return {
    dump: async () => ({
      record: await dumpRecord(),
      redis: await dumpRedis(),
      objects: await dumpObjects(),
    }),
    sweep: async () => {
      const Key = { pk: { S: "SWEEP" }, sk: { S: "SWEEP" } };
      const { Item } = await dynamo.send(
        new GetItemCommand({ TableName: TABLE_NAME, ConsistentRead: true, Key }),
      );
      return Item ? unmarshall(Item) : null;
    },
    expireKey: async (id, ms) => {
      const { pk, sk } = KEY.apiKey("default", id);
      await dynamo.send(
        new UpdateItemCommand({
          TableName: TABLE_NAME,
          Key: { pk: { S: pk }, sk: { S: sk } },
          UpdateExpression: "SET expiresAtMs = :ms",
          ConditionExpression: "attribute_exists(expiresAtMs)",
          ExpressionAttributeValues: { ":ms": { N: String(ms) } },
        }),
      );
    },
    redis,
    close: () => {
      dynamo.destroy();
      s3.destroy();
    },
  };
}

async function redis(...command: (string | number)[]): Promise<unknown> {
  return (await pipeline([command]))[0];
}

/** Sent to where the handlers' own link points. */
async function pipeline(commands: (string | number)[][]): Promise<unknown[]> {
  if (commands.length === 0) return [];
  const { url, token } = JSON.parse(process.env["SST_RESOURCE_Redis"] ?? "") as {
    url: string;
    token: string;
  };
  const response = await fetch(`${url}/pipeline`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(commands),
  });
  const replies = (await response.json()) as { result?: unknown; error?: string }[];
  return replies.map(({ result, error }) => {
    if (error !== undefined) throw new Error(error);
    return result;
  });
}
