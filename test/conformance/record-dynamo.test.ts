import { createHash, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { GetItemCommand } from "@aws-sdk/client-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { KEY, OPEN_SHARDS, shardOf, type Key } from "../../shared/adapters/dynamo/keys.ts";
import { ITEM_BYTES_LIMIT } from "../../shared/adapters/dynamo/payloads.ts";
import { readPage } from "../../shared/adapters/dynamo/shards.ts";
import { anExperiment } from "./experiments-suite.ts";
import { aBlockedTask, aCompletedTask, aFailedTask, aQueuedTask, newFleet } from "./record-fixtures.ts";
import { committed } from "./record-suite.ts";
import { type DynamoWorld, startDynamoWorld } from "./record-worlds.ts";
import { aUnit, anExposedUnit } from "./units-suite.ts";

const AT_MS = Date.UTC(2030, 0, 1);

let world: DynamoWorld;
let fleet: string;
beforeAll(async () => {
  world = await startDynamoWorld();
});
afterAll(() => world.stop());
beforeEach(() => {
  fleet = newFleet();
});

/** An item as DynamoDB keeps it; null if there is none. */
async function stored({ pk, sk }: Key): Promise<Record<string, unknown> | null> {
  const command = new GetItemCommand({ TableName: world.table, Key: { pk: { S: pk }, sk: { S: sk } } });
  const { Item } = await world.client.send(command);
  return Item === undefined ? null : unmarshall(Item);
}

/** Text that hardly compresses: base64 of random bytes. */
const noise = (characters: number) => randomBytes(characters).toString("base64").slice(0, characters);

/** Text of a given length that compresses the same at every run. */
function alphabetText(characters: number): string {
  const hash = (block: number) => createHash("sha512").update(String(block)).digest("base64");
  return Array.from({ length: Math.ceil(characters / 88) }, (_, block) => hash(block))
    .join("")
    .slice(0, characters);
}

describe("keys", () => {
  test("no two kinds of entity share a key, whatever their ids", () => {
    const words = ["a", "HEAD", "a.b", "..", "-", "KEYS", "OPEN"];
    const keys = words.flatMap((word) => [
      KEY.fleet(word),
      KEY.sweep(),
      ...words.flatMap((other) => [
        KEY.apiKey(word, other),
        KEY.host(word, other),
        KEY.session(word, other),
        KEY.task(word, other),
        KEY.group(word, other),
        KEY.answer(word, other),
        KEY.payload(word, other, "a"),
        KEY.edge(word, other, "a"),
        KEY.submission(word, other, "open", "a"),
        KEY.submission(word, other, "closed", "a"),
        KEY.experiment(word, other),
        KEY.unit(word, 1, { kind: "task", id: other, generation: 1 }),
        KEY.exposed(word, other, 1, { kind: "session", id: "a", generation: 1 }),
      ]),
    ]);
    const different = new Set(keys.map(({ pk, sk }) => `${pk}\n${sk}`));
    expect(different.size).toBe(keys.length - (words.length - 1));
  });

  test("an id's shard never changes, and ids spread over all shards", () => {
    expect(["task_1", "ses_1", "-"].map((id) => shardOf(id, OPEN_SHARDS))).toEqual([3, 0, 2]);
    const shards = Array.from({ length: 8_000 }, (_, index) => shardOf(`task_${index}`, OPEN_SHARDS));
    const counts = Map.groupBy(shards, (shard) => shard);
    expect(counts.size).toBe(OPEN_SHARDS);
    expect(Math.min(...[...counts.values()].map(({ length }) => length))).toBeGreaterThan(800);
  });
});

describe("the index of open tasks", () => {
  test("is entered once and left once in a task's life, and never written in between", async () => {
    const { tasks } = world.record;
    const owner = { session: "ses_1", epoch: 1, host: "host-1" };
    const queued = aQueuedTask(fleet);
    const life = [
      aBlockedTask(fleet),
      queued,
      { ...queued, state: "assigned" as const, owner },
      { ...queued, state: "running" as const, owner, startedAtMs: 1, timeoutAtMs: null },
      aCompletedTask(fleet),
      aCompletedTask(fleet, { effectsPending: false }),
    ];
    const openKeys: unknown[] = [];
    let previous = null;
    for (const next of life) {
      previous = await committed(tasks.commit, previous, next);
      const item = await stored(KEY.task(fleet, "task_1"));
      openKeys.push([item?.["openPk"], item?.["openSk"]]);
    }
    const open = [`F#${fleet}#OPEN#3`, "task_1"];
    expect(openKeys).toEqual([open, open, open, open, open, [undefined, undefined]]);
  });

  test("a dead letter moves from the tasks at work to its own list, and back by a redrive", async () => {
    const { tasks } = world.record;
    const places: unknown[] = [];
    let previous = null;
    for (const next of [
      aFailedTask(fleet),
      aFailedTask(fleet, { effectsPending: false }),
      aQueuedTask(fleet),
    ]) {
      previous = await committed(tasks.commit, previous, next);
      const item = await stored(KEY.task(fleet, "task_1"));
      places.push([item?.["openPk"], item?.["openSk"]]);
    }
    const open = [`F#${fleet}#OPEN#3`, "task_1"];
    expect(places).toEqual([open, [`F#${fleet}#DEAD#3`, "task_1"], open]);
  });

  test("a page of a short list asks each shard once, and a full page no more than it needs", async () => {
    const asked: number[] = [];
    const shards = [["a", "b", "c"], [], ["d"], ["e"]];
    const read = async (shard: number, after: string | null, limit: number) => {
      asked.push(shard);
      return (shards[shard] ?? []).filter((entry) => after === null || entry > after).slice(0, limit);
    };
    const page = (cursor: string | null, limit: number) =>
      readPage(4, (entry: string) => entry, read, cursor, limit);
    expect(await page(null, 2)).toEqual({ items: ["a", "b"], cursor: "0.b" });
    expect(asked.splice(0)).toEqual([0]);
    expect(await page("0.b", 2)).toEqual({ items: ["c", "d"], cursor: "2.d" });
    expect(await page("2.d", 2)).toEqual({ items: ["e"], cursor: null });
    expect(await page(null, 5)).toEqual({ items: ["a", "b", "c", "d", "e"], cursor: null });
    await expect(page("4.a", 2)).rejects.toThrow(/cursor/);
  });
});

describe("tuning", () => {
  test("a unit with long names and all that is measured of a task is one write unit", async () => {
    const long = (prefix: string) => prefix.padEnd(36, "x");
    const name = { kind: "task" as const, id: long("task_"), generation: 12 };
    const values = {
      ...{ completed: 1, failed: 0, attempts: 17, wastedMs: 123_456_789, waitMs: 123_456_789 },
      ...{
        durationMs: 123_456_789,
        recoveryMs: 123_456_789,
        tokens: 1_234_567,
        costUsd: 12.345_678_912_345_6,
      },
    };
    const known = { host: long("host"), agent: "claude-code", type: long("type/"), repository: long("r") };
    const facts = { crashes: 10, sessions: 10, lastSession: long("ses_"), waits: 12 };
    const outcome = { endedAtMs: AT_MS, values };
    await world.record.units.file(aUnit(fleet, { ...name, ...known, outcome, facts }));
    const exposed = anExposedUnit(fleet, { experiment: long("exp_"), ...name, ...known, outcome });
    await world.record.units.settle(exposed);
    for (const key of [
      KEY.unit(fleet, AT_MS / 86_400_000, name),
      KEY.exposed(fleet, exposed.experiment, AT_MS / 86_400_000, name),
    ]) {
      const item = await stored(key);
      expect(Object.keys(item ?? {}).sort()).toEqual(["d", "expiresAt", "pk", "sk"]);
      expect(Buffer.byteLength(JSON.stringify(item))).toBeLessThan(900);
    }
  });

  test("an experiment that an item has no room for is refused before it is sent", async () => {
    const { experiments } = world.record;
    const hypothesis = { ...anExperiment(fleet).hypothesis, evidence: { note: "x".repeat(360_000) } };
    await expect(experiments.commit(null, anExperiment(fleet, { hypothesis }))).rejects.toThrow(/bytes/);
    expect(await experiments.get(fleet, "exp_1")).toBeNull();
  });
});

describe("where payloads lie", () => {
  test("in an item up to 8 KB compressed, in an object beyond", async () => {
    const { payloads } = world.record;
    // Found by trying, because how well text compresses is the library's to say.
    let edge = 0;
    for (let step = 8_192; step >= 1; step /= 2) {
      const ref = await payloads.put(fleet, "task_1", "data", alphabetText(edge + step));
      if (ref.at === "item") edge += step;
    }
    const inItem = await payloads.put(fleet, "task_1", "data", alphabetText(edge));
    const inObject = await payloads.put(fleet, "task_1", "data", alphabetText(edge + 1));
    expect([inItem.at, inObject.at]).toEqual(["item", "object"]);
    const item = await stored(KEY.payload(fleet, "task_1", inItem.at === "item" ? inItem.key : ""));
    const bytes = item?.["bytes"] as Uint8Array;
    expect(bytes.length).toBeLessThanOrEqual(ITEM_BYTES_LIMIT);
    expect(bytes.length).toBeGreaterThan(ITEM_BYTES_LIMIT - 16);
    for (const [ref, size] of [
      [inItem, edge],
      [inObject, edge + 1],
    ] as const) {
      expect(await payloads.get(fleet, "task_1", ref)).toBe(alphabetText(size));
    }
  });

  test("as it is when compressing does not make it smaller", async () => {
    const value = noise(401);
    const ref = await world.record.payloads.put(fleet, "task_1", "data", value);
    const item = await stored(KEY.payload(fleet, "task_1", ref.at === "item" ? ref.key : ""));
    const bytes = item?.["bytes"] as Uint8Array;
    const plain = Buffer.from(JSON.stringify(value));
    expect(bytes.length).toBe(Math.min(gzipSync(plain).length, plain.length));
    expect(await world.record.payloads.get(fleet, "task_1", ref)).toBe(value);
  });

  test("under their fleet and task alone, even of a task called ..", async () => {
    const { payloads } = world.record;
    const ref = await payloads.put(fleet, "..", "data", noise(20_000));
    const { Contents } = await world.s3.send(
      new ListObjectsV2Command({ Bucket: world.bucket, Prefix: `fleet=${fleet}/task=../` }),
    );
    expect(Contents?.map(({ Key }) => Key)).toEqual([ref.at === "object" ? ref.key : ""]);
    await expect(payloads.get(fleet, "task_1", ref)).rejects.toThrow(/not there/);
  });
});
