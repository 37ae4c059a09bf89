import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import type { AttributeValue, DynamoDBClient, QueryCommandInput } from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import { reach } from "../aws/reach.ts";
import { batchGet } from "./batch-get.ts";
import type { Key } from "./keys.ts";

export type Item = Record<string, unknown>;

/** An expression with its `#names` and `:values`. */
export type Expression = {
  readonly expression: string;
  readonly names?: Record<string, string>;
  readonly values?: Item;
};

/**
 * What a query reads, in order: sort keys that begin with `prefix`, and come after `after`, or whose rest is between `from` and
 * `to`, both included.
 */
export type Range = {
  readonly pk: string;
  readonly prefix?: string;
  readonly after?: string | null;
  readonly from?: string;
  readonly to?: string;
  readonly limit?: number;
};

export type Table = ReturnType<typeof createTable>;

const toAttributes = (item: Item): Record<string, AttributeValue> =>
  marshall(item, { removeUndefinedValues: true });

function toInput({ names, values }: Expression) {
  return {
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values === undefined ? undefined : toAttributes(values),
  };
}

function keysIn({ pk, prefix = "", from, to }: Range): Expression {
  if (from !== undefined && to !== undefined)
    return {
      expression: "pk = :pk AND sk BETWEEN :from AND :to",
      values: { ":pk": pk, ":from": prefix + from, ":to": prefix + to },
    };
  if (prefix === "") return { expression: "pk = :pk", values: { ":pk": pk } };
  return { expression: "pk = :pk AND begins_with(sk, :prefix)", values: { ":pk": pk, ":prefix": prefix } };
}

/** Resolves to what the call answers, or to null if its condition refused it. */
async function unlessRefused<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await reach("dynamodb", call);
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return null;
    throw error;
  }
}

/** The few calls of DynamoDB that the record needs, on plain objects. Reads are strongly consistent. */
export function createTable(client: DynamoDBClient, name: string) {
  /** Pages are limited in bytes as well as in items, so one call may bring fewer than asked. */
  const queryAll = async (input: Omit<QueryCommandInput, "TableName">, limit: number): Promise<Item[]> => {
    const items: Item[] = [];
    let from = input.ExclusiveStartKey;
    do {
      const Limit = Number.isFinite(limit) ? limit - items.length : undefined;
      const command = new QueryCommand({ ...input, TableName: name, ExclusiveStartKey: from, Limit });
      const answer = await reach("dynamodb", () => client.send(command));
      items.push(...(answer.Items ?? []).map((item) => unmarshall(item)));
      from = answer.LastEvaluatedKey;
    } while (from !== undefined && items.length < limit);
    return items;
  };

  return {
    async get(key: Key): Promise<Item | null> {
      const command = new GetItemCommand({ TableName: name, Key: toAttributes(key), ConsistentRead: true });
      const { Item: found } = await reach("dynamodb", () => client.send(command));
      return found === undefined ? null : unmarshall(found);
    },
    /** Those that exist, in any order. Any number of keys, all different. */
    async getMany(keys: readonly Key[]): Promise<Item[]> {
      return (await batchGet(client, name, keys.map(toAttributes))).map((item) => unmarshall(item));
    },
    /** Replaces the item. False, and nothing written, if the condition refused it. */
    async put(item: Item, condition?: Expression): Promise<boolean> {
      const command = new PutItemCommand({
        TableName: name,
        Item: toAttributes(item),
        ConditionExpression: condition?.expression,
        ...(condition === undefined ? {} : toInput(condition)),
      });
      return (await unlessRefused(() => client.send(command))) !== null;
    },
    /** Changes the item and returns it as it then is; null, and nothing written, if the condition refused it. */
    async update(key: Key, change: string, condition: Expression): Promise<Item | null> {
      const command = new UpdateItemCommand({
        TableName: name,
        Key: toAttributes(key),
        UpdateExpression: change,
        ConditionExpression: condition.expression,
        ...toInput(condition),
        ReturnValues: "ALL_NEW",
      });
      const answer = await unlessRefused(() => client.send(command));
      return answer?.Attributes === undefined ? null : unmarshall(answer.Attributes);
    },
    /** Removes the item, unless the condition refuses it. */
    async remove(key: Key, condition?: Expression): Promise<void> {
      const command = new DeleteItemCommand({
        TableName: name,
        Key: toAttributes(key),
        ConditionExpression: condition?.expression,
        ...(condition === undefined ? {} : toInput(condition)),
      });
      await unlessRefused(() => client.send(command));
    },
    /** Items of one partition, by sort key. */
    async query(range: Range): Promise<Item[]> {
      const { pk, prefix = "", after = null, limit = Infinity } = range;
      const expression = keysIn(range);
      const start = after === null ? undefined : toAttributes({ pk, sk: prefix + after });
      const asked = { KeyConditionExpression: expression.expression, ...toInput(expression) };
      return queryAll({ ...asked, ExclusiveStartKey: start, ConsistentRead: true }, limit);
    },
    /** Sort keys of one partition of the index `open`. Eventually consistent. */
    async queryOpen(pk: string, after: string | null, limit: number): Promise<string[]> {
      const expression: Expression =
        after === null
          ? { expression: "openPk = :pk", values: { ":pk": pk } }
          : { expression: "openPk = :pk AND openSk > :after", values: { ":pk": pk, ":after": after } };
      const range = { KeyConditionExpression: expression.expression, ...toInput(expression) };
      return (await queryAll({ ...range, IndexName: "open" }, limit)).map(({ openSk }) => String(openSk));
    },
  };
}
