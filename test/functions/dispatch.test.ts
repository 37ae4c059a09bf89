import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { importHandler } from "../../infra/local/lambda.ts";
import type { Invoke } from "../../infra/local/lambda.ts";
import type { Task } from "../../shared/contract/task.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { eventually } from "../fixtures/eventually.ts";
import { must, registerSession } from "./cast.ts";
import { type CloudDump, createCloudDump } from "./cloud-dump.ts";

// Events go nowhere by themselves, so that each test decides which are delivered, and how often.
const cloud = useEmbeddedCloud({
  profile: "fast",
  schedule: false,
  functions: { sweep: "test/functions/quiet.handler", dispatch: "test/functions/quiet.handler" },
});
const PROJECT = new URL("../../", import.meta.url);

let stores: CloudDump;
let dispatch: Invoke;
let sweep: Invoke;
beforeAll(async () => {
  stores = createCloudDump(cloud());
  // Read after the cloud has published its links.
  const handlerOf = async (name: string): Promise<Invoke> => {
    const handler = await importHandler(PROJECT, `functions/${name}.handler`);
    return async (event) => handler(JSON.parse(JSON.stringify(event)), {} as Parameters<typeof handler>[1]);
  };
  dispatch = await handlerOf("dispatch");
  sweep = await handlerOf("sweep");
});
afterAll(() => {
  stores.close();
});

const record = (body: unknown, messageId: string = randomUUID()) => ({
  messageId,
  receiptHandle: "handle",
  body: typeof body === "string" ? body : JSON.stringify(body),
  attributes: {
    ApproximateReceiveCount: "1",
    SentTimestamp: "0",
    SenderId: "x",
    ApproximateFirstReceiveTimestamp: "0",
  },
  messageAttributes: {},
  md5OfBody: "",
  eventSource: "aws:sqs",
  eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:dispatch",
  awsRegion: "us-east-1",
});
const ready = (...taskIds: string[]) => ({ type: "tasks.ready", fleet: "default", taskIds });
const deliver = (...records: object[]) => dispatch({ Records: records });
const taskOf = async (id: string) => (await must<{ task: Task }>(cloud(), "GET", `/v1/tasks/${id}`)).task;

/** A session, and tasks for it that had to wait and that Redis has forgotten: only an event can bring them to it. */
async function forgottenTasks(session: string, ...ids: string[]): Promise<void> {
  const gate = `gate-of-${session}`;
  const dependsOn = [{ id: gate, onFailure: "run" }];
  await must(cloud(), "POST", "/v1/tasks", {
    body: [
      { id: gate, type: "t", data: {}, requires: ["nobody"] },
      ...ids.map((id) => ({ id, type: "t", data: {}, requires: [session], dependsOn })),
    ],
  });
  await must(cloud(), "POST", `/v1/tasks/${gate}/cancel`);
  await cloud().redis.flushAll();
  await registerSession(cloud(), {
    id: session,
    host: `host-of-${session}`,
    capabilities: [session],
    capacity: 5,
  });
  for (const id of ids) expect((await taskOf(id)).state).toBe("queued");
}

describe("dispatch", () => {
  test("hands out what good messages name, and reports only the poison among them", async () => {
    await forgottenTasks("good", "good-1", "good-2", "good-3");
    const answer = await deliver(
      record(ready("good-1")),
      record("not json", "poison-text"),
      record(ready("good-2")),
      record({ type: "tasks.lost", fleet: "default", taskIds: [] }, "poison-type"),
      record({ type: "tasks.ready", fleet: "a:b", taskIds: ["good-1"] }, "poison-fleet"),
      record("null", "poison-null"),
      record(ready("good-3")),
    );
    expect(answer).toEqual({
      batchItemFailures: ["poison-text", "poison-type", "poison-fleet", "poison-null"].map(
        (itemIdentifier) => ({ itemIdentifier }),
      ),
    });
    for (const id of ["good-1", "good-2", "good-3"])
      expect(await taskOf(id)).toMatchObject({ state: "assigned", sessionId: "good" });
  });

  test("changes nothing for a message that comes twice, late, or names what is not there", async () => {
    await forgottenTasks("twice", "twice-1");
    await deliver(record(ready("twice-1")), record(ready("twice-1")));
    expect(await taskOf("twice-1")).toMatchObject({ state: "assigned", sessionId: "twice" });
    const before = await stores.dump();
    const again = await deliver(
      record(ready("twice-1")),
      record(ready("twice-1", "none", "twice-1")),
      record({ ...ready("twice-1"), fleet: "nowhere" }),
      record(ready()),
    );
    expect(again).toEqual({ batchItemFailures: [] });
    expect(await stores.dump()).toEqual(before);
  });

  test("does not start again what has ended", async () => {
    await must(cloud(), "POST", "/v1/tasks", {
      body: { id: "over", type: "t", data: {}, requires: ["nobody"] },
    });
    await must(cloud(), "POST", "/v1/tasks/over/cancel");
    const before = await stores.dump();
    expect(await deliver(record(ready("over")))).toEqual({ batchItemFailures: [] });
    expect(await stores.dump()).toEqual(before);
  });

  test("reports every message while a store does not answer, and none once it does", async () => {
    await forgottenTasks("patient", "patient-1");
    const message = record(ready("patient-1"), "patient-message");
    cloud().redis.setReachable(false);
    const during = await deliver(message);
    cloud().redis.setReachable(true);
    expect(during).toEqual({ batchItemFailures: [{ itemIdentifier: "patient-message" }] });
    expect(await deliver(message)).toEqual({ batchItemFailures: [] });
    expect(await taskOf("patient-1")).toMatchObject({ state: "assigned" });
  });
});

describe("sweep", () => {
  const scheduled = { version: "0", "detail-type": "Scheduled Event", source: "aws.scheduler", detail: "{}" };
  const wake = { Records: [record({ type: "sweep.wake" })] };
  const sweepItem = async () =>
    (await stores.sweep()) as { holder: string; untilMs: number; tickAtMs: number } | null;
  const running = new Set<Promise<unknown>>();
  const start = (event: object) => {
    const run = sweep(event);
    running.add(run);
    void run.finally(() => running.delete(run));
    return run;
  };
  /** Ends every session, so that the sweeps find nothing to do and return. */
  const endAll = async () => {
    const { sessions } = await must<{ sessions: { id: string; state: string; host: string }[] }>(
      cloud(),
      "GET",
      "/v1/sessions",
    );
    for (const { id, state, host } of sessions)
      if (state === "live") {
        const { token } = await registerSession(cloud(), { id, host });
        await must(cloud(), "POST", `/v1/sessions/${id}/end`, { key: token, body: { reason: "stopped" } });
      }
    // What is left on the agenda would keep a sweep up for some seconds, for nothing that these tests ask.
    await stores.redis("DEL", "shim:agenda");
  };
  afterEach(async () => {
    await endAll();
    await Promise.all(running);
  });

  test("by schedule, returns at once when nothing lives and nothing waits", async () => {
    await endAll();
    expect(await start(scheduled)).toEqual({ batchItemFailures: [] });
    expect(await sweepItem()).toMatchObject({ untilMs: 0 });
  });

  test.each([
    ["schedule", scheduled],
    ["wake event", wake],
  ])("by %s, gives up who went silent and hands the work on", async (name, event) => {
    const [quiet, heir] = [`quiet-${name.slice(0, 4)}`, `heir-${name.slice(0, 4)}`];
    const {
      id: session,
      epoch,
      token,
    } = await registerSession(cloud(), { id: quiet, host: quiet, capabilities: [quiet, heir] });
    const task = `left-by-${quiet}`;
    await must(cloud(), "POST", "/v1/tasks", { body: { id: task, type: "t", data: {}, requires: [heir] } });
    await must(cloud(), "POST", `/v1/sessions/${session}/claim`, { key: token, body: {} });
    await registerSession(cloud(), { id: heir, host: heir, capabilities: [heir] });
    const begun = start(event);
    await eventually("the sweep ticks", async () => ((await sweepItem())?.untilMs ?? 0) > Date.now());
    await stores.redis("ZADD", "shim:deadlines", "XX", Date.now() - 1, `default:${quiet}:${quiet}:${epoch}`);
    await eventually("the heir has the task", async () => {
      const { state, sessionId } = await taskOf(task);
      return state === "assigned" && sessionId === heir;
    });
    expect(await must(cloud(), "GET", `/v1/sessions/${quiet}`)).toMatchObject({
      session: { state: "crashed" },
    });
    await endAll();
    expect(await begun).toEqual({ batchItemFailures: [] });
  });

  test("by a wake event, leaves a sweep alone that is ticking; by schedule, takes over from it", async () => {
    await registerSession(cloud(), { id: "reason", host: "reason" });
    const first = start(scheduled);
    const holder = await eventually("the first ticks", async () => {
      const item = await sweepItem();
      return item !== null && item.untilMs > Date.now() && item.holder;
    });
    expect(await start(wake)).toEqual({ batchItemFailures: [] });
    expect((await sweepItem())?.holder).toBe(holder);
    void start(scheduled);
    await first;
    expect((await sweepItem())?.holder).not.toBe(holder);
  });
});
