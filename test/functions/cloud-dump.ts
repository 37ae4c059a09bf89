import { DynamoDBClient, GetItemCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import { CREDENTIALS, REGION } from "../../infra/local/account.ts";
import type { Cloud } from "../../infra/local/cloud.ts";
import { KEY } from "../../shared/adapters/dynamo/keys.ts";

/** Everything the stores hold, by key. */
export type Dump = {
  readonly record: Readonly<Record<string, unknown>>;
  readonly redis: Readonly<Record<string, unknown>>;
  readonly objects: readonly string[];
};

type WireItem = { readonly pk: { readonly S: string }; readonly sk: { readonly S: string } };

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

/** All keys with their types and values, in one request. Scripts see a moment, and a dump is taken after every bad request. */
const READ_ALL = `
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  local value = false
  if kind == 'string' then value = redis.call('GET', key)
  elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'hash' then value = redis.call('HGETALL', key)
  elseif kind == 'set' then value = redis.call('SMEMBERS', key)
  end
  found[#found + 1] = { key, kind, value }
end
return found`;

/** The embedded DynamoDB asks for a signature and does not check it. */
const UNSIGNED = {
  "content-type": "application/x-amz-json-1.0",
  authorization: "AWS4-HMAC-SHA256 Credential=none, SignedHeaders=none, Signature=none",
  "x-amz-date": "20300101T000000Z",
};

type Dumped = Pick<Cloud, "dynamoEndpoint" | "tableName" | "bucketName" | "queuesAndObjects">;

/** Reads all that an embedded cloud's stores hold, past the handlers, so that two moments can be compared. */
export function createCloudDump(cloud: Dumped): CloudDump {
  const account = { region: REGION, credentials: CREDENTIALS };
  const dynamo = new DynamoDBClient({ ...account, endpoint: cloud.dynamoEndpoint });

  // Asked without the SDK, whose reading of hundreds of answers would cost more than what is tested.
  async function scan(from: unknown): Promise<{ Items: WireItem[]; LastEvaluatedKey?: unknown }> {
    const response = await fetch(cloud.dynamoEndpoint, {
      method: "POST",
      headers: { ...UNSIGNED, "x-amz-target": "DynamoDB_20120810.Scan" },
      body: JSON.stringify({ TableName: cloud.tableName, ConsistentRead: true, ExclusiveStartKey: from }),
    });
    if (!response.ok) throw new Error(`The record was not read: ${response.status} ${await response.text()}`);
    return (await response.json()) as { Items: WireItem[]; LastEvaluatedKey?: unknown };
  }

  async function dumpRecord(): Promise<Dump["record"]> {
    const items: Record<string, unknown> = {};
    let from: unknown;
    do {
      const page = await scan(from);
      for (const item of page.Items) items[`${item.pk.S} ${item.sk.S}`] = item;
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
    Reflect.deleteProperty(items, OF_THE_SWEEP.item);
    return items;
  }

  async function dumpRedis(): Promise<Dump["redis"]> {
    const found = (await redis("EVAL", READ_ALL, 0)) as [key: string, kind: string, value: unknown][];
    const kept = found.filter(([key]) => key !== OF_THE_SWEEP.key).sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(
      kept.map(([key, kind, value]) => {
        if (value === null)
          throw new Error(`The key ${key} is of type ${kind}, which this dump cannot read.`);
        return [key, kind === "set" ? (value as string[]).sort() : value];
      }),
    );
  }

  async function dumpObjects(): Promise<string[]> {
    const response = await fetch(`${cloud.queuesAndObjects.endpoint}/${cloud.bucketName}?list-type=2`);
    const listing = await response.text();
    if (!response.ok) throw new Error(`The objects were not listed: ${response.status} ${listing}`);
    return [...listing.matchAll(/<Contents>.*?<\/Contents>/gs)].map(([object]) => object).sort();
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
        new GetItemCommand({ TableName: cloud.tableName, ConsistentRead: true, Key }),
      );
      return Item ? unmarshall(Item) : null;
    },
    expireKey: async (id, ms) => {
      const { pk, sk } = KEY.apiKey("default", id);
      await dynamo.send(
        new UpdateItemCommand({
          TableName: cloud.tableName,
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
    },
  };
}

async function redis(...command: (string | number)[]): Promise<unknown> {
  return (await pipeline([command]))[0];
}

/** Sent to where the handlers' own link points. */
async function pipeline(commands: (string | number)[][]): Promise<unknown[]> {
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
