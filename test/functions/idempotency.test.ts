import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Key } from "../../shared/contract/fleet.ts";
import type { ProgressSummary, Task } from "../../shared/contract/task.ts";
import { type Proxy, startProxy } from "../conformance/record-proxy.ts";
import { type ApiAnswer, useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { holdTask, must, registerSession } from "./cast.ts";
import { type CloudDump, createCloudDump } from "./cloud-dump.ts";

let record: Proxy;
const cloud = useEmbeddedCloud(
  {
    profile: "standard",
    schedule: false,
    functions: { sweep: "test/functions/quiet.handler", dispatch: "test/functions/quiet.handler" },
  },
  async ({ dynamoEndpoint }) => {
    record = await startProxy(dynamoEndpoint);
    process.env["AWS_ENDPOINT_URL_DYNAMODB"] = record.endpoint;
  },
);
let stores: CloudDump;
beforeAll(() => {
  stores = createCloudDump(cloud());
});
afterAll(async () => {
  stores.close();
  await record.stop();
});

const WRITES = new Set(["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"]);
const REFUSED = {
  status: 400,
  body: JSON.stringify({
    __type: "com.amazon.coral.service#AccessDeniedException",
    message: "cut by a test",
  }),
};

/** As if the function were killed after so many writes: what comes after reaches the record no more. */
function cutAfter(writes: number): void {
  let left = writes;
  record.set(async ({ operation, body }, forward) => {
    if (left < 0 || (WRITES.has(operation) && --left < 0)) return REFUSED;
    return forward(body);
  });
}
const mend = () => {
  record.set(({ body }, forward) => forward(body));
};

const CUTS_LIMIT = 40;

/** Cuts one and the same request short after 0, 1, 2 ... writes, each time repeating it, until it is not cut any more. */
async function cutEverywhere(
  attempt: (cut: number) => { send: () => Promise<ApiAnswer>; check: (repeated: ApiAnswer) => Promise<void> },
): Promise<number> {
  for (let cut = 0; cut < CUTS_LIMIT; cut++) {
    const { send, check } = attempt(cut);
    cutAfter(cut);
    const first = await send();
    mend();
    const repeated = await send();
    expect(repeated.status, `repeated after ${cut} writes: ${JSON.stringify(repeated.body)}`).toBeLessThan(
      300,
    );
    await check(repeated);
    const third = await send();
    expect({ status: third.status, body: third.body }, "the same answer ever after").toEqual({
      status: repeated.status,
      body: repeated.body,
    });
    if (first.status < 300) {
      expect(first.body).toEqual(repeated.body);
      return cut;
    }
    expect(first.status, `cut after ${cut} writes`).toBeGreaterThanOrEqual(500);
  }
  throw new Error(`The request writes more than ${CUTS_LIMIT} times.`);
}

const post = (path: string, key: string, body: unknown, as?: string) =>
  cloud().request("POST", path, { key: as, body, headers: { "idempotency-key": key } });

describe("a request with an Idempotency-Key", () => {
  test("is answered the same though the state has changed since", async () => {
    const session = await registerSession(cloud(), { id: "later", host: "h1", capabilities: ["later"] });
    const task = { type: "t", data: { n: 1 }, requires: ["later"] };
    const first = await post("/v1/tasks", "later-1", task);
    const { tasks } = first.body as { tasks: Task[] };
    const id = tasks[0]?.id ?? "";
    const claimed = await must<{ tasks: { fence: number }[] }>(cloud(), "POST", "/v1/sessions/later/claim", {
      key: session.token,
      body: {},
    });
    await must(cloud(), "POST", `/v1/tasks/${id}/complete`, {
      key: session.token,
      body: { fence: claimed.tasks[0]?.fence, result: 1 },
    });
    const again = await post("/v1/tasks", "later-1", { requires: ["later"], data: { n: 1 }, type: "t" });
    expect(again).toMatchObject({ status: 202, body: first.body as object });
    expect(await must(cloud(), "GET", `/v1/tasks/${id}`)).toMatchObject({ task: { state: "completed" } });
  });

  test("is refused with another body, and changes nothing", async () => {
    await post("/v1/tasks", "one-use", { id: "one-use", type: "t", data: 1, requires: ["nobody"] });
    const before = await stores.dump();
    const other = await post("/v1/tasks", "one-use", { id: "other-use", type: "t", data: 1 });
    expect(other).toMatchObject({ status: 409, body: { code: "idempotency.mismatch" } });
    expect(await stores.dump()).toEqual(before);
  });

  test("counts for one route and one fleet only", async () => {
    const { adminKey: other } = await must<{ adminKey: string }>(cloud(), "POST", "/v1/fleets", {
      key: cloud().rootKey,
      body: { id: "other" },
    });
    const task = await post("/v1/tasks", "shared", { type: "t", data: 1 });
    const session = await post("/v1/sessions", "shared", { host: "h2", boot: "b", agent: "t" });
    const theirs = await post("/v1/tasks", "shared", { type: "t", data: 2 }, other);
    expect([task.status, session.status, theirs.status]).toEqual([202, 201, 202]);
  });

  test("that was refused may be sent again as it was meant", async () => {
    const task = { id: "fixed", type: "t", data: 1, requires: ["nobody"] };
    expect(await post("/v1/tasks", "fix", { ...task, dependsOn: ["none"] })).toMatchObject({ status: 422 });
    expect(await post("/v1/tasks", "fix", task)).toMatchObject({ status: 202 });
  });

  test("sent many times at once does its work once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, () =>
        post("/v1/tasks", "at-once", { type: "t", data: 1, group: "at-once", requires: ["nobody"] }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ body }) => (body as { tasks: Task[] }).tasks[0]?.id)).size).toBe(1);
    expect(await must(cloud(), "GET", "/v1/progress?group=at-once")).toMatchObject({ totalTasks: 1 });
  });

  test("does not start a session again: same epoch, same id, tokens that work", async () => {
    const body = { host: "h3", boot: "b", agent: "t", capabilities: ["once"] };
    const first = await post("/v1/sessions", "once", body);
    const { session, token } = first.body as { session: { id: string; epoch: number }; token: string };
    await holdTask(cloud(), { ...session, token, hostToken: "" }, { id: "once-task", requires: ["once"] });
    const again = await post("/v1/sessions", "once", body);
    expect(again.body).toEqual(first.body);
    expect(session.epoch).toBe(1);
    expect(await must(cloud(), "GET", `/v1/sessions/${session.id}`)).toMatchObject({
      session: { epoch: 1, currentTasks: 1, restarts: 0 },
    });
  });
});

describe("cut short after any write, and repeated", () => {
  test("a submission is completed: each task once, each counted once", async () => {
    const cuts = await cutEverywhere((cut) => {
      const group = `cut-${cut}`;
      const tasks = [
        { type: "t", data: "x".repeat(2_000), group, requires: ["nobody"] },
        { type: "t", data: 2, group, requires: ["nobody"] },
        { id: `cut-last-${cut}`, type: "t", data: 3, group, dependsOn: ["cut-base"] },
      ];
      return {
        send: () => post("/v1/tasks", group, tasks),
        check: async (repeated) => {
          const { tasks: answered } = repeated.body as { tasks: Task[] };
          const listed = await must<{ tasks: Task[] }>(cloud(), "GET", `/v1/tasks?group=${group}`);
          expect(listed.tasks.map(({ id }) => id).sort()).toEqual(answered.map(({ id }) => id).sort());
          expect(listed.tasks.map(({ state }) => state).sort()).toEqual(["blocked", "queued", "queued"]);
          const progress = await must<ProgressSummary>(cloud(), "GET", `/v1/progress?group=${group}`);
          expect(progress).toMatchObject({ totalTasks: 3, queuedTasks: 3 });
        },
      };
    });
    expect(cuts).toBeGreaterThan(5);
  });

  test("a registration is completed: the session starts once", async () => {
    const cuts = await cutEverywhere((cut) => ({
      send: () => post("/v1/sessions", `start-${cut}`, { host: `cut-host-${cut}`, boot: "b", agent: "t" }),
      check: async (repeated) => {
        const { session } = repeated.body as { session: { id: string } };
        expect(await must(cloud(), "GET", `/v1/sessions/${session.id}`)).toMatchObject({
          session: { epoch: 1, restarts: 0, state: "live" },
        });
      },
    }));
    expect(cuts).toBeGreaterThan(2);
  });

  test("a registration that lost Redis half way is completed: the session starts once", async () => {
    const body = { host: "half-way", boot: "b", agent: "t" };
    cloud().redis.setReachable(false);
    expect(await post("/v1/sessions", "half-way", body)).toMatchObject({ status: 503 });
    cloud().redis.setReachable(true);
    expect(await post("/v1/sessions", "half-way", body)).toMatchObject({
      status: 201,
      body: { session: { epoch: 1 } },
    });
  });

  test("a new fleet is completed: its admin key is told", async () => {
    const cuts = await cutEverywhere((cut) => ({
      send: () => post("/v1/fleets", `fleet-${cut}`, { id: `cut-fleet-${cut}` }, cloud().rootKey),
      check: async (repeated) => {
        const { adminKey: key } = repeated.body as { adminKey: string };
        const { keys } = await must<{ keys: Key[] }>(cloud(), "GET", "/v1/keys", { key });
        expect(keys).toMatchObject([{ scope: "admin", revokedAt: null }]);
      },
    }));
    expect(cuts).toBeGreaterThan(2);
  });

  test("a new key works", async () => {
    await cutEverywhere((cut) => ({
      send: () => post("/v1/keys", `key-${cut}`, { scope: "submit" }),
      check: async (repeated) => {
        await must(cloud(), "GET", "/v1/tasks", { key: (repeated.body as { secret: string }).secret });
      },
    }));
  });

  beforeAll(async () => {
    await must(cloud(), "POST", "/v1/tasks", {
      body: { id: "cut-base", type: "t", data: 1, requires: ["nobody"] },
    });
  });
});
