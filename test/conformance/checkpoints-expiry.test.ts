import { randomBytes } from "node:crypto";
import { GetItemCommand } from "@aws-sdk/client-dynamodb";
import { CopyObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { KEY, type Key } from "../../shared/adapters/dynamo/keys.ts";
import { KEPT_TAG } from "../../shared/adapters/s3/kept-tag.ts";
import type { CheckpointRecord, PayloadRef } from "../../shared/contract/records.ts";
import { aTaskCheckpoint } from "../fixtures/checkpoints.ts";
import { aFleet, newFleet } from "./record-fixtures.ts";
import { committed } from "./record-suite.ts";
import { type DynamoWorld, startDynamoWorld } from "./record-worlds.ts";

const DAY_MS = 86_400_000;
const LAG_MS = 7 * DAY_MS;
const RETENTION_MS = 20 * DAY_MS;
/** As long as any fleet keeps a task, and until that is removed. */
const KEPT_MS = 365 * DAY_MS + LAG_MS;

let world: DynamoWorld;
let fleet: string;
beforeAll(async () => {
  world = await startDynamoWorld();
});
afterAll(() => world.stop());
beforeEach(async () => {
  fleet = newFleet();
  const retention = { keptMs: RETENTION_MS, longestMs: RETENTION_MS };
  await world.record.fleets.commit(null, aFleet(fleet, { retention }));
});

async function expiryOf({ pk, sk }: Key): Promise<unknown> {
  const command = new GetItemCommand({ TableName: world.table, Key: { pk: { S: pk }, sk: { S: sk } } });
  const { Item } = await world.client.send(command);
  return Item === undefined ? undefined : (unmarshall(Item)["expiresAt"] ?? null);
}

/** The tag of each object that is written, as it goes over the wire: the embedded store does not read them back. */
async function tagsOf(act: () => Promise<void>): Promise<(string | undefined)[]> {
  const seen: (string | undefined)[] = [];
  const name = "see-tags";
  world.s3.middlewareStack.add(
    (next, { commandName = "" }) =>
      (args) => {
        if ([PutObjectCommand.name, CopyObjectCommand.name].includes(commandName))
          seen.push((args.input as { Tagging?: string }).Tagging);
        return next(args);
      },
    { name, step: "initialize" },
  );
  await act();
  world.s3.middlewareStack.remove(name);
  return seen;
}

const fromNow = (ms: number) => Math.ceil((world.clock.nowMs() + ms) / 1_000);
const keyOf = (ref: PayloadRef) => (ref.at === "inline" ? "" : ref.key);

async function keep(state: string): Promise<CheckpointRecord> {
  const { checkpoints } = world.record;
  const { ref, bytes } = await checkpoints.putBody(fleet, "ses_1", state);
  return committed(checkpoints.commit, null, {
    ...{ v: 1, rev: 0, fleet, session: "ses_1", epoch: 1, trigger: "interval", task: null, first: false },
    ...{ body: ref, bytes, signals: null, atMs: world.clock.nowMs() },
  });
}

test("a filed checkpoint, its state and a task's pointer go after the longest time that a task may wait, whatever the retention", async () => {
  const kept = await keep('{"small":1}');
  expect(await expiryOf(KEY.checkpoint(fleet, "ses_1"))).toBe(fromNow(400 * DAY_MS));
  expect(await expiryOf(KEY.checkpointBody(fleet, "ses_1", keyOf(kept.body)))).toBe(fromNow(KEPT_MS));
  world.clock.advance(DAY_MS);
  await world.record.checkpoints.file(kept);
  expect(await expiryOf(KEY.filedCheckpoint(fleet, "ses_1", 1))).toBe(fromNow(KEPT_MS));
  await committed(world.record.checkpoints.ofTask.commit, null, aTaskCheckpoint(fleet));
  expect(await expiryOf(KEY.taskCheckpoint(fleet, "task_1"))).toBe(fromNow(KEPT_MS));
});

test("one that was let go of goes after a day, its state later, and takes no equal state of another with it", async () => {
  const { checkpoints } = world.record;
  const kept = await keep('{"same":1}');
  await checkpoints.file(kept);
  const other = await checkpoints.putBody(fleet, "ses_1", '{"same":1}');
  for (let times = 0; times < 2; times++) await checkpoints.release(kept);
  expect(await expiryOf(KEY.filedCheckpoint(fleet, "ses_1", 1))).toBe(fromNow(DAY_MS));
  expect(await expiryOf(KEY.checkpointBody(fleet, "ses_1", keyOf(kept.body)))).toBe(fromNow(DAY_MS + LAG_MS));
  expect(await expiryOf(KEY.checkpointBody(fleet, "ses_1", keyOf(other.ref)))).toBe(fromNow(KEPT_MS));
});

test("a large state is an object of its session alone, tagged for as long, and then for a week", async () => {
  const { checkpoints } = world.record;
  const state = JSON.stringify(randomBytes(20_000).toString("base64"));
  const tags = await tagsOf(async () => {
    const kept = await keep(state);
    expect(kept.body.at).toBe("object");
    await checkpoints.file(kept);
    expect(await checkpoints.body(fleet, "ses_2", kept.body), "asked for as another's").toBeNull();
    await checkpoints.release({ ...kept, session: "ses_2" });
    await checkpoints.release(kept);
    expect(await checkpoints.body(fleet, "ses_1", kept.body)).toBe(state);
  });
  expect(tags).toEqual([`${KEPT_TAG}=372`, `${KEPT_TAG}=8`]);
});

test("what has gone does not come back by being let go of", async () => {
  const kept = await keep("1");
  await world.record.checkpoints.release({ ...kept, rev: 9, body: { at: "item", key: "gone" } });
  expect(await expiryOf(KEY.filedCheckpoint(fleet, "ses_1", 9))).toBeUndefined();
  expect(await expiryOf(KEY.checkpointBody(fleet, "ses_1", "gone"))).toBeUndefined();
});
