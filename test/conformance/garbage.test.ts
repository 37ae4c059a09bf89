import { DeleteItemCommand, ScanCommand } from "@aws-sdk/client-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createDynamoRecord } from "../../shared/adapters/dynamo/record.ts";
import type { SessionClaims } from "../../shared/domain/tokens.ts";
import { readToken } from "../../shared/domain/tokens.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { listDeadLetters } from "../../shared/operations/dead-letters.ts";
import { endSession } from "../../shared/operations/end-session.ts";
import { listSessions } from "../../shared/operations/list-sessions.ts";
import { listTasks } from "../../shared/operations/list-tasks.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { registerSession } from "../../shared/operations/register-session.ts";
import { completeTask, failTask } from "../../shared/operations/settle-task.ts";
import { submitTasks } from "../../shared/operations/submit-tasks.ts";
import { summariseProgress } from "../../shared/operations/summarise-progress.ts";
import { getTask } from "../../shared/operations/view-task.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";
import { type DynamoWorld, startDynamoWorld } from "./record-worlds.ts";

const DAY_MS = 86_400_000;
const LONG = { text: "x".repeat(1_000) };

let stores: DynamoWorld;
let world: World;
let ports: Ports;
beforeAll(async () => {
  stores = await startDynamoWorld();
});
afterAll(() => stores.stop());

/** The record of a control plane whose clock the test moves, in the table; the rest in memory. */
beforeEach(() => {
  world = createWorld();
  const { client, objects } = stores;
  const record = createDynamoRecord({ client, table: stores.table, objects, clock: world.ports.clock });
  ports = { ...world.ports, record };
});

async function items(): Promise<{ pk: string; sk: string; expiresAt?: number }[]> {
  const { Items = [] } = await stores.client.send(
    new ScanCommand({ TableName: stores.table, ConsistentRead: true }),
  );
  return Items.map((item) => unmarshall(item) as { pk: string; sk: string; expiresAt?: number });
}

/** What DynamoDB does some time after an item expired, done at once to all of which `which` says so. */
async function removeExpired(which: (sk: string) => boolean = () => true): Promise<void> {
  for (const { pk, sk, expiresAt = Infinity } of await items())
    if (expiresAt * 1_000 <= world.nowMs() && which(sk))
      await stores.client.send(
        new DeleteItemCommand({ TableName: stores.table, Key: { pk: { S: pk }, sk: { S: sk } } }),
      );
}

/** Enough ticks for the repair to come round, and for groups to be rolled up. */
async function tickAWhile(): Promise<void> {
  for (let i = 0; i < 10; i++) {
    world.advance(5_000);
    await world.tick(false, ports);
  }
}

async function register(id: string): Promise<SessionClaims> {
  const by = { fleet: FLEET, keyId: "key_test", keyExpiresMs: null, seed: null, hostToken: null };
  const answer = must(
    await registerSession(ports, by, { id, host: "h1", boot: "b1", agent: "test", capacity: 10 }),
  );
  const claims = readToken(ports.settings.signingKeys, answer.token);
  if (claims?.kind !== "session") throw new Error("not a session's token");
  return claims;
}

/** Six tasks of a group: two that completed, one that failed and one by it, two that were cancelled. */
async function workedThrough(): Promise<void> {
  const chat = await register("s1");
  await world.tick(false, ports);
  const task = (id: string, more: object = {}) => ({ id, type: "t", data: LONG, group: "g", ...more });
  must(
    await submitTasks(
      ports,
      FLEET,
      [
        ...[task("done"), task("fails"), task("gone")],
        task("after", { dependsOn: ["done"] }),
        task("lost", { dependsOn: ["fails"] }),
        task("skipped", { dependsOn: [{ id: "gone", onFailure: "skip" }] }),
      ],
      null,
    ),
  );
  must(await cancelTask(ports, FLEET, "gone", null));
  const fenceOf = new Map<string, number>();
  const claim = async () => {
    for (const held of must(await claimTasks(ports, chat, 10)).tasks) fenceOf.set(held.task.id, held.fence);
  };
  await claim();
  const error = { message: "no" };
  must(await failTask(ports, chat, "fails", { fence: fenceOf.get("fails") ?? 0, error, retryable: false }));
  must(await completeTask(ports, chat, "done", { fence: fenceOf.get("done") ?? 0, result: LONG }));
  await claim();
  must(await completeTask(ports, chat, "after", { fence: fenceOf.get("after") ?? 0, result: LONG }));
  must(await endSession(ports, chat, "s1", { reason: "completed" }));
  await tickAWhile();
}

const counts = { totalTasks: 6, completedTasks: 2, failedTasks: 2, cancelledTasks: 2, queuedTasks: 0 };
const tasksOf = async () =>
  (await listTasks(ports, FLEET, { group: "g", states: null }, null)).tasks.map(({ id }) => id).sort();

test("everything of what has ended goes in the end, and no reader minds what has gone before", async () => {
  await workedThrough();
  expect(await summariseProgress(ports, FLEET, "g", null)).toMatchObject(counts);
  world.advance(29 * DAY_MS);
  await removeExpired();
  expect(await tasksOf()).toEqual(["after", "done", "fails", "gone", "lost", "skipped"]);

  world.advance(2 * DAY_MS);
  // DynamoDB removes what has expired when it likes: heads may outlive each other, and are whole as long as they are there.
  await removeExpired((sk) => sk !== "HEAD");
  expect(await tasksOf()).toHaveLength(6);
  await removeExpired();
  await tickAWhile();
  expect(await summariseProgress(ports, FLEET, "g", null)).toMatchObject({
    ...counts,
    results: [],
    cursor: null,
  });
  expect(await tasksOf()).toEqual([]);
  expect(await listDeadLetters(ports, FLEET, { group: null, type: null }, null)).toMatchObject({ tasks: [] });
  expect((await listSessions(ports, FLEET, null)).sessions).toEqual([]);
  expect(await getTask(ports, FLEET, "done")).toMatchObject({ refused: "task.not_found" });

  world.advance(20 * DAY_MS);
  await removeExpired();
  await tickAWhile();
  expect((await items()).map(({ pk }) => pk).sort()).toEqual(["F#default#HOST#h1"]);
  expect(await summariseProgress(ports, FLEET, "g", null)).toMatchObject({ totalTasks: 0 });
});

test("a dead letter that is redriven is kept with its data, counted, and goes after its next end", async () => {
  await workedThrough();
  world.advance(29 * DAY_MS);
  must(await redriveTask(ports, FLEET, "fails"));
  must(await redriveTask(ports, FLEET, "lost"));
  world.advance(60 * DAY_MS);
  await tickAWhile();
  await removeExpired();
  expect(await tasksOf()).toEqual(["fails", "lost"]);
  expect(must(await getTask(ports, FLEET, "fails"))).toMatchObject({ state: "queued", data: LONG });
  expect(await summariseProgress(ports, FLEET, "g", null)).toMatchObject({
    ...{ ...counts, failedTasks: 0, queuedTasks: 2 },
  });
  const chat = await register("s2");
  for (const id of ["fails", "lost"]) {
    const [held] = must(await claimTasks(ports, chat, 1)).tasks;
    expect(held?.task).toMatchObject({ id, data: LONG });
    must(await completeTask(ports, chat, id, { fence: held?.fence ?? 0, result: LONG }));
  }
  must(await endSession(ports, chat, "s2", { reason: "completed" }));
  await tickAWhile();
  expect(await summariseProgress(ports, FLEET, "g", null)).toMatchObject({
    ...counts,
    completedTasks: 4,
    failedTasks: 0,
  });
  world.advance(60 * DAY_MS);
  await removeExpired();
  expect((await items()).map(({ pk }) => pk).sort()).toEqual(["F#default#HOST#h1"]);
});
