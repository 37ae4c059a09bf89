import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { AWS_CLIENT_OPTIONS } from "../../shared/adapters/aws/client-options.ts";
import { createDynamoClient } from "../../shared/adapters/dynamo/client.ts";
import { createDynamoRecord } from "../../shared/adapters/dynamo/record.ts";
import { createObjectStore } from "../../shared/adapters/s3/object-store.ts";
import { StoreUnavailable } from "../../shared/ports/unavailable.ts";
import { aBlockedTask, aHost, anAnswer, aSession, aSubmission } from "./record-fixtures.ts";
import { type ProxiedRecord, useProxiedRecord } from "./proxied-record.ts";
import { committed } from "./record-suite.ts";
import { CREDENTIALS } from "./record-worlds.ts";

let { world, proxy, client, record, fleet } = {} as ProxiedRecord;
useProxiedRecord((started) => {
  ({ world, proxy, client, record, fleet } = started);
});

describe("a write whose answer was lost", () => {
  test("counts as written when it created the document", async () => {
    proxy.loseAnswer("PutItem");
    const written = await record.hosts.commit(null, aHost(fleet));
    expect(written).toEqual(aHost(fleet, { rev: 1 }));
    expect(await world.record.hosts.get(fleet, "host-1")).toEqual(written);
    expect(proxy.operations).toEqual(["PutItem", "PutItem", "GetItem"]);
  });

  test("counts as written when it replaced the document", async () => {
    const first = await committed(record.hosts.commit, null, aHost(fleet));
    proxy.loseAnswer("PutItem");
    const written = await record.hosts.commit(first, { ...first, boot: "boot-2" });
    expect(written).toEqual(aHost(fleet, { rev: 2, boot: "boot-2" }));
    expect(await world.record.hosts.get(fleet, "host-1")).toEqual(written);
  });

  test("is still a conflict when it was refused", async () => {
    const first = await committed(record.hosts.commit, null, aHost(fleet));
    const second = await committed(record.hosts.commit, first, { ...first, boot: "boot-2" });
    proxy.loseAnswer("PutItem");
    expect(await record.hosts.commit(first, { ...first, boot: "boot-2" })).toBeNull();
    expect(await world.record.hosts.get(fleet, "host-1")).toEqual(second);
  });

  test("is a conflict when another replaced it meanwhile, and the other stands", async () => {
    const first = await committed(record.hosts.commit, null, aHost(fleet));
    proxy.loseAnswer("PutItem", async () => {
      const ours = await world.record.hosts.get(fleet, "host-1");
      await world.record.hosts.commit(ours, aHost(fleet, { boot: "boot-3" }));
    });
    expect(await record.hosts.commit(first, { ...first, boot: "boot-2" })).toBeNull();
    expect(await world.record.hosts.get(fleet, "host-1")).toEqual(aHost(fleet, { rev: 3, boot: "boot-3" }));
  });

  test("counts as written though a strike came meanwhile", async () => {
    const first = await committed(record.tasks.commit, null, aBlockedTask(fleet));
    proxy.loseAnswer("PutItem", () => world.record.tasks.strike(fleet, "task_1", "dep_1"));
    expect(await record.tasks.commit(first, { ...first, priority: 1 })).toMatchObject({
      rev: 2,
      priority: 1,
    });
    expect(await world.record.tasks.get(fleet, "task_1")).toMatchObject({ rev: 3, waitingOn: ["dep_2"] });
  });

  test("strikes once", async () => {
    await committed(record.tasks.commit, null, aBlockedTask(fleet));
    proxy.loseAnswer("UpdateItem");
    expect(await record.tasks.strike(fleet, "task_1", "dep_1")).toMatchObject({
      rev: 2,
      waitingOn: ["dep_2"],
    });
  });

  test("keeps the caller's own answer", async () => {
    proxy.loseAnswer("PutItem");
    expect(await record.answers.keep(anAnswer(fleet))).toEqual(anAnswer(fleet));
  });

  test.each(["PutItem", "DeleteItem"])(
    "closes a submission once, whichever is lost: %s",
    async (operation) => {
      const { group } = aSubmission(fleet);
      proxy.loseAnswer("PutItem");
      await record.submissions.add(aSubmission(fleet));
      proxy.loseAnswer("UpdateItem");
      await record.submissions.mark(fleet, group, "sub_1", 0, "completed");
      proxy.loseAnswer(operation);
      await record.submissions.close(fleet, group, "sub_1");
      const list = (which: "open" | "closed") => world.record.submissions.list(fleet, group, which, null, 10);
      expect((await list("open")).items).toEqual([]);
      expect((await list("closed")).items).toEqual([aSubmission(fleet, { completed: [0] })]);
    },
  );
});

describe("submissions without transactions", () => {
  test("a submission that is closed while it is added again does not reopen", async () => {
    const { group } = aSubmission(fleet);
    let closed = false;
    proxy.set(async ({ operation, body }, forward) => {
      if (operation === "PutItem" && !closed) {
        closed = true;
        await world.record.submissions.add(aSubmission(fleet));
        await world.record.submissions.close(fleet, group, "sub_1");
      }
      return forward(body);
    });
    await record.submissions.add(aSubmission(fleet));
    expect((await record.submissions.list(fleet, group, "open", null, 10)).items).toEqual([]);
    expect((await record.submissions.list(fleet, group, "closed", null, 10)).items).toEqual([
      aSubmission(fleet),
    ]);
  });

  test("a close that was cut short is finished by repeating it, and counts what was marked", async () => {
    const { group } = aSubmission(fleet);
    await record.submissions.add(aSubmission(fleet, { failed: [1] }));
    proxy.set(async ({ operation, body }, forward) => (operation === "DeleteItem" ? null : forward(body)));
    await expect(record.submissions.close(fleet, group, "sub_1")).rejects.toThrow(StoreUnavailable);
    const all = await world.record.submissions.list(fleet, group, "all", null, 10);
    expect(all.items, "it has both items now").toEqual([aSubmission(fleet, { failed: [1] })]);
    proxy.set((exchange, forward) => forward(exchange.body));
    await record.submissions.close(fleet, group, "sub_1");
    expect((await record.submissions.list(fleet, group, "open", null, 10)).items).toEqual([]);
    const closed = await record.submissions.list(fleet, group, "closed", null, 10);
    expect(closed.items).toEqual([aSubmission(fleet, { failed: [1] })]);
  });
});

describe("a listing of all submissions", () => {
  test("does not miss one that is closed between its two reads", async () => {
    const { group } = aSubmission(fleet);
    await world.record.submissions.add(aSubmission(fleet));
    let queries = 0;
    proxy.set(async ({ operation, body }, forward) => {
      if (operation === "Query" && ++queries === 2)
        await world.record.submissions.close(fleet, group, "sub_1");
      return forward(body);
    });
    expect((await record.submissions.list(fleet, group, "all", null, 10)).items).toEqual([
      aSubmission(fleet),
    ]);
    expect(queries).toBe(2);
  });
});

describe("a store that does not cope", () => {
  const problem = (name: string) =>
    JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: "no" });

  test("a table that cuts every connection is unavailable after three tries", async () => {
    proxy.set(async () => null);
    const error = await record.hosts.get(fleet, "host-1").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(StoreUnavailable);
    expect(error).toMatchObject({ store: "dynamodb" });
    expect(proxy.operations).toEqual(["GetItem", "GetItem", "GetItem"]);
  });

  test.each([
    [400, "ThrottlingException"],
    [400, "ProvisionedThroughputExceededException"],
    [500, "InternalServerError"],
    [503, "ServiceUnavailable"],
  ])("a table that answers %i %s is unavailable", async (status, name) => {
    proxy.set(async () => ({ status, body: problem(name) }));
    await expect(record.hosts.commit(null, aHost(fleet))).rejects.toThrow(StoreUnavailable);
  });

  test("a table that never answers is unavailable", async () => {
    proxy.set(() => new Promise(() => undefined));
    const requestHandler = { requestTimeout: 20, throwOnRequestTimeout: true };
    const hasty = new DynamoDBClient({
      endpoint: proxy.endpoint,
      requestHandler,
      maxAttempts: 2,
      ...CREDENTIALS,
    });
    const { objects, clock } = world;
    const { hosts } = createDynamoRecord({ client: hasty, table: world.table, objects, clock });
    await expect(hosts.get(fleet, "host-1")).rejects.toThrow(StoreUnavailable);
    hasty.destroy();
  });

  test("no try of a deployed client outlasts 3 s, and there are at most three", async () => {
    const deployed = createDynamoClient();
    expect(await deployed.config.maxAttempts()).toBe(3);
    deployed.destroy();

    proxy.set(() => new Promise(() => undefined));
    const once = { ...AWS_CLIENT_OPTIONS, maxAttempts: 1 };
    const patient = new DynamoDBClient({ endpoint: proxy.endpoint, ...once, ...CREDENTIALS });
    const { objects, clock } = world;
    const { hosts } = createDynamoRecord({ client: patient, table: world.table, objects, clock });
    const startedMs = performance.now();
    await expect(hosts.get(fleet, "host-1")).rejects.toThrow(StoreUnavailable);
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    patient.destroy();
  });

  test("a request that is wrong is not mistaken for an outage", async () => {
    proxy.set(async () => ({ status: 400, body: problem("ValidationException") }));
    const error = await record.hosts.get(fleet, "host-1").catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: "ValidationException" });
  });

  test("keys that stay unprocessed are asked for again, and none is read twice", async () => {
    const ids = Array.from({ length: 9 }, (_, index) => `ses_${index}`);
    for (const id of ids) await world.record.sessions.commit(null, aSession(fleet, { id }));
    proxy.set(async ({ body }, forward) => {
      const asked = JSON.parse(body) as { RequestItems: Record<string, { Keys: unknown[] }> };
      const Keys = asked.RequestItems[world.table]?.Keys ?? [];
      const answer = await forward(
        JSON.stringify({ RequestItems: { [world.table]: { Keys: Keys.slice(0, 4), ConsistentRead: true } } }),
      );
      const UnprocessedKeys =
        Keys.length > 4 ? { [world.table]: { Keys: Keys.slice(4), ConsistentRead: true } } : {};
      return { ...answer, body: JSON.stringify({ ...(JSON.parse(answer.body) as object), UnprocessedKeys }) };
    });
    const found = await record.sessions.getMany(fleet, ids);
    expect(found.map(({ id }) => id).sort()).toEqual(ids);
    expect(proxy.operations).toHaveLength(3);
  });

  test("keys that are never processed are an outage", async () => {
    proxy.set(async ({ body }) => {
      const { RequestItems } = JSON.parse(body) as { RequestItems: unknown };
      return { status: 200, body: JSON.stringify({ Responses: {}, UnprocessedKeys: RequestItems }) };
    });
    await expect(record.sessions.getMany(fleet, ["ses_1"])).rejects.toThrow(StoreUnavailable);
  });

  test("a bucket that is not reached is unavailable, and a payload in it stays unwritten", async () => {
    // Port 9 is the discard service, which nothing on this machine offers.
    const s3 = new S3Client({
      endpoint: "http://127.0.0.1:9",
      maxAttempts: 1,
      forcePathStyle: true,
      ...CREDENTIALS,
    });
    const objects = createObjectStore({ client: s3, bucket: world.bucket });
    const { payloads } = createDynamoRecord({ client, table: world.table, objects, clock: world.clock });
    const large = Array.from({ length: 20_000 }, (_, index) => Math.sin(index));
    const error = await payloads.put(fleet, "task_1", "data", large).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(StoreUnavailable);
    expect(error).toMatchObject({ store: "s3" });
    s3.destroy();
  });
});
