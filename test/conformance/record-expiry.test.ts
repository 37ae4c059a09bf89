import { randomBytes } from "node:crypto";
import { GetItemCommand } from "@aws-sdk/client-dynamodb";
import { CopyObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { KEY, type Key } from "../../shared/adapters/dynamo/keys.ts";
import { KEPT_DAYS, KEPT_TAG } from "../../shared/adapters/s3/kept-tag.ts";
import { RETENTION_MS_LIMIT, RETENTION_MS_MINIMUM } from "../../shared/contract/limits.ts";
import type { PayloadRef } from "../../shared/contract/records.ts";
import {
  aCompletedTask,
  aFailedTask,
  aFleet,
  aGroup,
  anAnswer,
  aQueuedTask,
  aSession,
  aSubmission,
  newFleet,
} from "./record-fixtures.ts";
import { committed } from "./record-suite.ts";
import { type DynamoWorld, startDynamoWorld } from "./record-worlds.ts";
import { aUnit, anExposedUnit } from "./units-suite.ts";

const DAY_MS = 86_400_000;
/** How long DynamoDB may take to remove what has expired, as we reckon with it. */
const LAG_MS = 7 * DAY_MS;

let world: DynamoWorld;
let fleet: string;
beforeAll(async () => {
  world = await startDynamoWorld();
});
afterAll(() => world.stop());
beforeEach(() => {
  fleet = newFleet();
});

/** When an item is to go, in epoch seconds; null: never; undefined: there is no such item. */
async function expiryOf({ pk, sk }: Key): Promise<unknown> {
  const command = new GetItemCommand({ TableName: world.table, Key: { pk: { S: pk }, sk: { S: sk } } });
  const { Item } = await world.client.send(command);
  return Item === undefined ? undefined : (unmarshall(Item)["expiresAt"] ?? null);
}

const inSeconds = (ms: number) => Math.ceil(ms / 1_000);
const fromNow = (ms: number) => inSeconds(world.clock.nowMs() + ms);
const itemOf = (ref: PayloadRef) => KEY.payload(fleet, "task_1", ref.at === "item" ? ref.key : "");
const keepFor = (keptMs: number, longestMs = keptMs) =>
  world.record.fleets.commit(null, aFleet(fleet, { retention: { keptMs, longestMs } }));

describe("tasks and sessions", () => {
  test("an ended task goes 30 days after its end, once everyone was told", async () => {
    const { tasks } = world.record;
    const ended = aCompletedTask(fleet);
    const pending = await committed(tasks.commit, null, ended);
    expect(await expiryOf(KEY.task(fleet, "task_1"))).toBeNull();
    await committed(tasks.commit, pending, { ...ended, effectsPending: false });
    expect(await expiryOf(KEY.task(fleet, "task_1"))).toBe(inSeconds(ended.endedAtMs + 30 * DAY_MS));
  });

  test("a past session goes 30 days after its end, and not once it lives again", async () => {
    const { sessions } = world.record;
    const endedAtMs = world.clock.nowMs() - DAY_MS;
    const ended = await committed(sessions.commit, null, aSession(fleet, { state: "ended", endedAtMs }));
    const key = KEY.session(fleet, "ses_1");
    expect(await expiryOf(key)).toBe(inSeconds(endedAtMs + 30 * DAY_MS));
    await committed(sessions.commit, ended, aSession(fleet, { epoch: 2 }));
    expect(await expiryOf(key)).toBeNull();
  });

  test("what ends goes by its fleet's retention, another one counting within a minute", async () => {
    const { tasks, sessions, fleets } = world.record;
    const made = await committed(
      fleets.commit,
      null,
      aFleet(fleet, { retention: { keptMs: DAY_MS, longestMs: DAY_MS } }),
    );
    const first = await committed(tasks.commit, null, aFailedTask(fleet, { effectsPending: false }));
    expect(await expiryOf(KEY.task(fleet, "task_1"))).toBe(inSeconds(aFailedTask(fleet).endedAtMs + DAY_MS));
    await fleets.commit(made, { ...made, retention: { keptMs: 90 * DAY_MS, longestMs: 90 * DAY_MS } });
    world.clock.advance(60_000);
    const endedAtMs = world.clock.nowMs();
    const second = await committed(
      tasks.commit,
      null,
      aFailedTask(fleet, { id: "task_2", endedAtMs, effectsPending: false }),
    );
    expect(await expiryOf(KEY.task(fleet, second.id))).toBe(fromNow(90 * DAY_MS));
    expect(await expiryOf(KEY.task(fleet, first.id))).toBe(
      inSeconds(first.state === "failed" ? first.endedAtMs + DAY_MS : 0),
    );
    await sessions.commit(null, aSession(fleet, { state: "crashed", endedAtMs }));
    expect(await expiryOf(KEY.session(fleet, "ses_1"))).toBe(fromNow(90 * DAY_MS));
  });

  test("a redriven task expires no more", async () => {
    const { tasks } = world.record;
    const failed = await committed(tasks.commit, null, aFailedTask(fleet, { effectsPending: false }));
    expect(await expiryOf(KEY.task(fleet, "task_1"))).toBeTypeOf("number");
    await committed(tasks.commit, failed, aQueuedTask(fleet));
    expect(await expiryOf(KEY.task(fleet, "task_1"))).toBeNull();
  });
});

describe("what is kept beside a task goes after it", () => {
  test("its data from when it is closed on, however often; equal data that is put again stays", async () => {
    const { payloads } = world.record;
    const data = await payloads.put(fleet, "task_1", "data", "d".repeat(500));
    expect(await expiryOf(itemOf(data))).toBeNull();
    for (let times = 0; times < 2; times++) await payloads.close(fleet, "task_1", data);
    expect(await expiryOf(itemOf(data))).toBe(fromNow(30 * DAY_MS + LAG_MS));
    const copy = await payloads.put(fleet, "task_1", "data-1", "d".repeat(500));
    await payloads.close(fleet, "task_1", data);
    expect(await expiryOf(itemOf(copy))).toBeNull();
    expect(await payloads.get(fleet, "task_1", copy)).toBe("d".repeat(500));
  });

  test("its result and evidence from the start, so that those of an end that was refused go too", async () => {
    const { payloads } = world.record;
    for (const name of ["result-3", "evidence-3"]) {
      const ref = await payloads.put(fleet, "task_1", name, "r".repeat(500));
      expect(await expiryOf(itemOf(ref)), name).toBe(fromNow(30 * DAY_MS + LAG_MS));
    }
  });

  test("what is inline needs nothing, and what is gone does not come back", async () => {
    const { payloads } = world.record;
    await payloads.close(fleet, "task_1", { at: "inline", json: "1" });
    await payloads.close(fleet, "task_1", { at: "item", key: "data-gone" });
    expect(await expiryOf(KEY.payload(fleet, "task_1", "data-gone"))).toBeUndefined();
    await payloads.close(fleet, "task_1", { at: "object", key: `fleet=${fleet}/task=task_1/data-gone` });
  });

  test("edges once they are closed, and not when they are added again", async () => {
    const { edges } = world.record;
    await edges.add(fleet, "task_1", "task_2");
    await edges.close(fleet, "task_1", ["task_2", "nobody"]);
    const key = KEY.edge(fleet, "task_1", "task_2");
    expect(await expiryOf(key)).toBe(fromNow(30 * DAY_MS));
    expect((await edges.list(fleet, "task_1", null, 5)).items).toEqual(["task_2"]);
    await edges.add(fleet, "task_1", "task_2");
    expect(await expiryOf(key)).toBeNull();
  });
});

describe("lists go after all that they list, under whatever retention that ended", () => {
  test("a submission once it is closed", async () => {
    const { submissions } = world.record;
    await keepFor(DAY_MS, 90 * DAY_MS);
    const { group, id } = aSubmission(fleet);
    await submissions.add(aSubmission(fleet));
    expect(await expiryOf(KEY.submission(fleet, group, "open", id))).toBeNull();
    await submissions.close(fleet, group, id);
    const closed = KEY.submission(fleet, group, "closed", id);
    expect(await expiryOf(closed)).toBe(fromNow(90 * DAY_MS + LAG_MS));
  });

  test("a group once nothing is open in it, and not when it is opened again", async () => {
    const { groups } = world.record;
    await keepFor(DAY_MS, 90 * DAY_MS);
    const key = KEY.group(fleet, "-");
    let group = await committed(groups.commit, null, aGroup(fleet));
    expect(await expiryOf(key)).toBeNull();
    group = await committed(groups.commit, group, { ...group, open: false, rolling: ["sub_1"] });
    expect(await expiryOf(key)).toBeNull();
    group = await committed(groups.commit, group, { ...group, rolling: [] });
    expect(await expiryOf(key)).toBe(fromNow(90 * DAY_MS + 2 * LAG_MS));
    await committed(groups.commit, group, { ...group, open: true });
    expect(await expiryOf(key)).toBeNull();
  });
});

describe("objects", () => {
  const noise = () => randomBytes(20_000).toString("base64");

  /** The tag of each object that is written, as it goes over the wire, by its key's last part. */
  async function tagsOf(act: () => Promise<void>): Promise<[string, string | undefined][]> {
    const seen: [string, string | undefined][] = [];
    const name = "see-tags";
    world.s3.middlewareStack.add(
      (next, context) => (args) => {
        const { Key = "", Tagging } = args.input as { Key?: string; Tagging?: string };
        const written = [PutObjectCommand.name, CopyObjectCommand.name].includes(context.commandName ?? "");
        if (written) seen.push([Key.split("/").at(-1)?.split("-")[0] ?? "", Tagging]);
        return next(args);
      },
      { name, step: "initialize" },
    );
    await act();
    world.s3.middlewareStack.remove(name);
    return seen;
  }

  test("data is tagged when it is closed and stays readable, a result when it is put", async () => {
    const { payloads } = world.record;
    const value = noise();
    const tags = await tagsOf(async () => {
      const data = await payloads.put(fleet, "..", "data", value);
      await payloads.close(fleet, "..", data);
      expect(await payloads.get(fleet, "..", data)).toBe(value);
      await payloads.put(fleet, "..", "result-1", noise());
    });
    const kept = `${KEPT_TAG}=37`;
    expect(tags).toEqual([
      ["data", undefined],
      ["data", kept],
      ["result", kept],
    ]);
  });

  test.each([RETENTION_MS_MINIMUM, 8 * DAY_MS, 30 * DAY_MS, 91 * DAY_MS, RETENTION_MS_LIMIT])(
    "a retention of %i ms has a rule that keeps them longer than the task, and not for ever",
    async (keptMs) => {
      await keepFor(keptMs);
      const [[, tag] = []] = await tagsOf(async () => {
        await world.record.payloads.put(fleet, "task_1", "result-1", noise());
      });
      const days = Number(tag?.replace(`${KEPT_TAG}=`, ""));
      expect(KEPT_DAYS).toContain(days);
      expect(days * DAY_MS).toBeGreaterThanOrEqual(keptMs + LAG_MS);
    },
  );
});

test("signals go two weeks after they were said, minutes and changes of zone alike", async () => {
  const atMs = world.clock.nowMs();
  const minute = Math.floor(atMs / 60_000);
  await world.record.signals.putMinute({ v: 1, fleet, host: "host-1", minute, sessions: {} });
  await world.record.signals.putZone({ v: 1, fleet, session: "ses_1", atMs, zone: "danger" });
  const endMs = (minute + 1) * 60_000;
  expect(await expiryOf(KEY.signals(fleet, "host-1", minute))).toBe(inSeconds(endMs + 14 * DAY_MS));
  expect(await expiryOf(KEY.zone(fleet, "ses_1", atMs))).toBe(inSeconds(atMs + 14 * DAY_MS));
});

test("units go 45 days after their time: their end, or their exposure, whenever its outcome came", async () => {
  const { units } = world.record;
  const atMs = world.clock.nowMs();
  const day = Math.floor(atMs / DAY_MS);
  const outcome = { endedAtMs: atMs, values: {} };
  await units.file(aUnit(fleet, { outcome }));
  const name = { kind: "task", id: "task_1", generation: 0 } as const;
  expect(await expiryOf(KEY.unit(fleet, day, name))).toBe(fromNow(45 * DAY_MS));
  const exposed = anExposedUnit(fleet, { ...name, atMs });
  const key = KEY.exposed(fleet, exposed.experiment, day, name);
  await units.expose(exposed);
  expect(await expiryOf(key)).toBe(fromNow(45 * DAY_MS));
  await units.settle({ ...exposed, outcome: { endedAtMs: atMs + 9 * DAY_MS, values: {} } });
  expect(await expiryOf(key)).toBe(fromNow(45 * DAY_MS));
});

test("an answer goes when it stops counting, and what is not at its end never goes", async () => {
  const answer = await world.record.answers.keep(
    anAnswer(fleet, { key: "k", expiresAtMs: 1_900_000_000_001 }),
  );
  expect(await expiryOf(KEY.answer(fleet, answer.key))).toBe(1_900_000_001);
  await world.record.tasks.commit(null, aQueuedTask(fleet));
  expect(await expiryOf(KEY.task(fleet, "task_1"))).toBeNull();
});
