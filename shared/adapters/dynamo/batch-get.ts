import { setTimeout as wait } from "node:timers/promises";
import { BatchGetItemCommand } from "@aws-sdk/client-dynamodb";
import type { AttributeValue, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { StoreUnavailable } from "../../ports/unavailable.ts";
import { reach } from "../aws/reach.ts";

type Attributes = Record<string, AttributeValue>;

/** Keys of one BatchGetItem, as DynamoDB limits it. */
const BATCH_KEYS_LIMIT = 100;
/** Times in a row that a batch may bring nothing at all. */
const FRUITLESS_LIMIT = 5;
/** Before the first repetition; doubles with each that brought nothing. */
const BACKOFF_BASE_MS = 20;

/** Reads one batch, asking again for what DynamoDB left unprocessed (for load, or past 16 MB an answer). */
async function getBatch(client: DynamoDBClient, table: string, keys: Attributes[]): Promise<Attributes[]> {
  const found: Attributes[] = [];
  let missing = keys;
  for (let fruitless = 0; fruitless < FRUITLESS_LIMIT; fruitless++) {
    const command = new BatchGetItemCommand({
      RequestItems: { [table]: { Keys: missing, ConsistentRead: true } },
    });
    const answer = await reach("dynamodb", () => client.send(command));
    found.push(...(answer.Responses?.[table] ?? []));
    const left = answer.UnprocessedKeys?.[table]?.Keys ?? [];
    if (left.length === 0) return found;
    if (left.length < missing.length) fruitless = -1;
    missing = left;
    // Full jitter, so that callers turned away together do not return together.
    await wait(Math.random() * BACKOFF_BASE_MS * 2 ** Math.max(fruitless, 0));
  }
  throw new StoreUnavailable("dynamodb", new Error(`${missing.length} keys stayed unprocessed`));
}

/** Strongly consistent reads of any number of keys, all different; items that do not exist are left out. */
export async function batchGet(
  client: DynamoDBClient,
  table: string,
  keys: Attributes[],
): Promise<Attributes[]> {
  const found: Attributes[] = [];
  for (let from = 0; from < keys.length; from += BATCH_KEYS_LIMIT) {
    found.push(...(await getBatch(client, table, keys.slice(from, from + BATCH_KEYS_LIMIT))));
  }
  return found;
}
