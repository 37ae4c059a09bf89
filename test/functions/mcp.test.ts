import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { describe, expect, onTestFinished, test } from "vitest";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { type Actor, must, registerSession, resign } from "./cast.ts";

const cloud = useEmbeddedCloud({
  profile: "standard",
  schedule: false,
  functions: { sweep: "test/functions/quiet.handler", dispatch: "test/functions/quiet.handler" },
});

/** The official client over HTTP, as an agent CLI uses it. */
async function connect({ token }: Pick<Actor, "token">): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  // The SDK's own types do not agree under exactOptionalPropertyTypes.
  const transport = new StreamableHTTPClientTransport(new URL(`${cloud().url}/mcp`), { requestInit });
  await client.connect(transport);
  onTestFinished(() => client.close());
  return client;
}

type Outcome = { readonly refused: boolean; readonly told: Record<string, unknown> };

async function call(client: Client, name: string, args: Record<string, unknown> = {}): Promise<Outcome> {
  const { content, isError } = await client.callTool({ name, arguments: args });
  const [first] = content as { type: string; text: string }[];
  return { refused: isError === true, told: JSON.parse(first?.text ?? "null") as Record<string, unknown> };
}

async function succeed(client: Client, name: string, args?: Record<string, unknown>) {
  const { refused, told } = await call(client, name, args);
  if (refused) throw new Error(`${name}: ${JSON.stringify(told)}`);
  return told;
}

const session = (id: string) =>
  registerSession(cloud(), { id, host: `h-${id}`, capabilities: [id], capacity: 5 });
const submit = (session: Actor, ...tasks: { id: string; data?: unknown }[]) =>
  must(cloud(), "POST", "/v1/tasks", {
    body: tasks.map((task) => ({ type: "fix", data: {}, requires: [session.id], ...task })),
  });

test("a model finds ten tools, each described with what to do, and with a schema for what it takes", async () => {
  const client = await connect(await session("lister"));
  expect(client.getInstructions()).toContain("claim_task");
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name).sort()).toEqual([
    "checkpoint",
    "claim_task",
    "complete_task",
    "fail_task",
    "heartbeat",
    "inbox",
    "register",
    "resume",
    "send_message",
    "status",
  ]);
  for (const { name, description = "", inputSchema } of tools) {
    expect(description, name).toMatch(/^[A-Z].*[Cc]all it/s);
    expect(description.length, name).toBeLessThan(1_000);
    expect(inputSchema, name).toMatchObject({ type: "object", additionalProperties: false });
  }
  expect(JSON.stringify(tools).length, "what they take of a context window").toBeLessThan(12_000);
});

describe("a model works", () => {
  test("from who it is to the end of its tasks", async () => {
    const me = await session("worker");
    const client = await connect(me);
    expect(await succeed(client, "register")).toMatchObject({
      session: { id: "worker", epoch: 1, state: "live" },
      tasks: [],
    });
    expect(await succeed(client, "claim_task")).toEqual({ task: null });

    await submit(me, { id: "w1", data: { prompt: "Fix the parser." } }, { id: "w2", data: "Fix it again." });
    const { task } = (await succeed(client, "claim_task")) as { task: { fence: number } };
    expect(task).toMatchObject({
      taskId: "w1",
      fence: 1,
      prompt: "Fix the parser.",
      attempt: 1,
      resume: null,
    });
    const w1 = { taskId: "w1", fence: task.fence };
    expect(await succeed(client, "heartbeat", { ...w1, percent: 40, message: "half" })).toMatchObject({
      orders: [],
    });
    expect(await succeed(client, "status")).toMatchObject({ tasks: [{ ...w1, type: "fix", percent: 40 }] });

    const completed = await succeed(client, "complete_task", {
      ...w1,
      result: { ok: true },
      evidence: "abc",
    });
    expect(completed).toMatchObject({ taskId: "w1", state: "completed", next: { taskId: "w2", fence: 1 } });
    expect(await cloud().request("GET", "/v1/tasks/w1")).toMatchObject({
      body: { task: { result: { ok: true }, evidence: "abc" } },
    });
    const failed = { taskId: "w2", fence: 1, message: "no such file", retryable: false };
    expect(await succeed(client, "fail_task", failed)).toMatchObject({ state: "failed", attempt: 1 });
    expect(await succeed(client, "status")).toMatchObject({ tasks: [] });
  });

  test("and its beats extend its lease, name its tasks and bring orders, but no token", async () => {
    const me = await session("beater");
    const client = await connect(me);
    await submit(me, { id: "b1" });
    const before = (await succeed(client, "heartbeat")) as { leaseExpiresAt: string; orders: unknown[] };
    await succeed(client, "claim_task");
    // As its supervisor would list it.
    const sessions = [
      { id: "beater", epoch: 1, activity: "working", tasks: [{ id: "b1", fence: 1, percent: 5 }] },
    ];
    await must(cloud(), "POST", "/v1/heartbeat", {
      key: me.hostToken,
      body: { host: "h-beater", boot: "boot-of-h-beater", seq: 7, sessions },
    });
    const after = await succeed(client, "heartbeat", { activity: "tool_running" });
    expect(Date.parse(String(after["leaseExpiresAt"]))).toBeGreaterThan(Date.parse(before.leaseExpiresAt));
    expect(await cloud().request("GET", "/v1/sessions/beater")).toMatchObject({
      body: { session: { activity: "tool_running" } },
    });
    await must(cloud(), "POST", "/v1/tasks/b1/cancel");
    await must(cloud(), "POST", "/v1/messages", { body: { to: "session:beater", body: "hello" } });
    await must(cloud(), "POST", "/v1/sessions/beater/drain");
    const soon = resign(cloud(), me.token, { expiresMs: Date.now() + 60_000 });
    const ordered = await succeed(await connect({ token: soon }), "heartbeat");
    const orders = JSON.stringify(ordered["orders"]);
    for (const word of ["claim nothing more", "call inbox"]) expect(orders).toContain(word);
    expect(orders).not.toContain("shim_t.");
    // A supervisor's next beat still counts.
    const idle = [{ id: "beater", epoch: 1, activity: "idle", tasks: [] }];
    await must(cloud(), "POST", "/v1/heartbeat", {
      key: me.hostToken,
      body: { host: "h-beater", boot: "boot-of-h-beater", seq: 9, sessions: idle },
    });
    expect(await cloud().request("GET", "/v1/sessions/beater")).toMatchObject({
      body: { session: { activity: "idle" } },
    });
  });

  test("and tells others, and reads what it was told until it has acknowledged it", async () => {
    const client = await connect(await session("talker"));
    const other = await connect(await session("listener"));
    expect(await succeed(client, "send_message", { to: "session:listener", body: { n: 1 } })).toHaveProperty(
      "id",
    );
    const page = await succeed(other, "inbox");
    expect(page).toMatchObject({ messages: [{ from: "session:talker", body: { n: 1 } }] });
    expect(await succeed(other, "inbox")).toMatchObject({ messages: [{ body: { n: 1 } }] });
    expect(await succeed(other, "inbox", { acknowledge: page["cursor"] })).toEqual({
      messages: [],
      cursor: null,
    });
  });
});

test("a model saves where it is, without its secrets, and whoever goes on is told", async () => {
  const me = await session("saver");
  const client = await connect(me);
  await submit(me, { id: "s1", data: "Do it." });
  const { task } = (await succeed(client, "claim_task")) as { task: { fence: number } };
  const of = { taskId: "s1", fence: task.fence };
  const secret = `ghp_${"a1B2c3D4e5".repeat(3)}abcdef`;
  const said = {
    done: ["wrote the lexer", `used ${secret}`],
    next: ["write tests"],
    decisions: ["no regex"],
  };
  expect(await succeed(client, "checkpoint", { ...of, ...said, percent: 30 })).toEqual({ sequence: 1 });
  expect(await succeed(client, "checkpoint", { summary: "nothing held" })).toEqual({ sequence: 2 });
  expect(await succeed(client, "resume", { taskId: "s1" })).toEqual({ taskId: null, resume: null });
  for (const [args, code] of [
    [{ ...of, fence: 9, done: ["x"] }, "lease.stale"],
    [{ taskId: "s1", done: ["x"] }, "request.invalid"],
    [of, "request.invalid"],
    [{ done: [1] }, "request.invalid"],
  ] as const)
    expect(await call(client, "checkpoint", args)).toMatchObject({ refused: true, told: { code } });
  expect(await call(client, "resume", { taskId: "none" })).toMatchObject({ told: { code: "lease.stale" } });

  await must(cloud(), "POST", "/v1/sessions/saver/end", { key: me.token, body: { reason: "crashed" } });
  const again = await connect(await session("saver"));
  const claimed = (await succeed(again, "claim_task")) as { task: { taskId: string; resume: string } };
  expect(claimed.task.taskId).toBe("s1");
  const told = await succeed(again, "resume");
  expect(told).toEqual({ taskId: "s1", resume: claimed.task.resume });
  for (const words of ["wrote the lexer", "write tests"]) expect(told["resume"]).toContain(words);
  expect(JSON.stringify(told)).not.toContain(secret);
});

describe("a refusal is an answer that says what to do", () => {
  test("when a task is another's, cancelled or unknown, or the input does not fit", async () => {
    const me = await session("refused");
    const client = await connect(me);
    await submit(me, { id: "r1" }, { id: "r2" });
    const claim = { key: me.token, body: { max: 2 } };
    expect(await must(cloud(), "POST", "/v1/sessions/refused/claim", claim)).toHaveProperty(
      "tasks.length",
      2,
    );
    await must(cloud(), "POST", "/v1/tasks/r2/cancel");
    const result = { result: 1 };
    for (const [name, args, code] of [
      ["complete_task", { taskId: "r1", fence: 7, ...result }, "lease.stale"],
      ["complete_task", { taskId: "r2", fence: 1, ...result }, "task.cancelled"],
      ["complete_task", { taskId: "none", fence: 1, ...result }, "task.not_found"],
      ["complete_task", { taskId: "r1", fence: 1, result: "x".repeat(300_000) }, "result.too_large"],
      ["complete_task", { taskId: "r1", fence: "1", ...result }, "request.invalid"],
      ["claim_task", { max: 5 }, "request.invalid"],
      ["fail_task", { taskId: "r1", fence: 1, message: "" }, "request.invalid"],
      ["heartbeat", { taskId: "r1", percent: 5 }, "request.invalid"],
      ["heartbeat", { taskId: "r1", fence: 9, percent: 5 }, "lease.stale"],
      ["heartbeat", { activity: "sleeping" }, "request.invalid"],
      ["send_message", { to: "session:nobody", body: 1 }, "session.not_found"],
      ["send_message", { to: "everybody", body: 1 }, "request.invalid"],
      ["inbox", { acknowledge: "x" }, "cursor.invalid"],
      ["no_such_tool", {}, "route.not_found"],
    ] as const) {
      const { refused, told } = await call(client, name, args);
      expect([name, refused, told["code"]]).toEqual([name, true, code]);
      expect(told["detail"]).toBeTruthy();
      expect(told["next"]).toBeTruthy();
    }
    expect(await succeed(client, "status")).toMatchObject({ tasks: [{ taskId: "r1", fence: 1 }] });
  });

  test("when this start of the session counts no more", async () => {
    const old = await session("old");
    await session("old");
    const client = await connect(old);
    for (const name of ["register", "claim_task", "heartbeat", "status", "inbox"]) {
      const { refused, told } = await call(client, name);
      expect([name, refused, told["code"]]).toEqual([name, true, "session.superseded"]);
    }
  });
});

describe("the transport", () => {
  const post = async (body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${cloud().url}/mcp`, {
      method: "POST",
      headers: {
        ...{ "content-type": "application/json", accept: "application/json, text/event-stream" },
        ...headers,
      },
      body: JSON.stringify(body),
    });

  test("refuses all but POST, and keeps no session of its own", async () => {
    const { token } = await session("plain");
    for (const method of ["GET", "DELETE", "PUT"]) {
      const response = await fetch(`${cloud().url}/mcp`, {
        method,
        headers: { accept: "text/event-stream" },
      });
      expect([method, response.status, response.headers.get("allow")]).toEqual([method, 405, "POST"]);
    }
    const bearer = { authorization: `Bearer ${token}` };
    const listed = await post({ jsonrpc: "2.0", id: 1, method: "tools/list" }, bearer);
    expect(listed.status).toBe(200);
    expect(listed.headers.get("mcp-session-id")).toBeNull();
    const noted = await post({ jsonrpc: "2.0", method: "notifications/initialized" }, bearer);
    expect([noted.status, await noted.text()]).toEqual([202, ""]);
    expect((await post({ no: "JSON-RPC" }, bearer)).status).toBe(400);
    expect((await post([], bearer)).status).toBeLessThan(500);
  });

  test("takes a session's token and nothing else", async () => {
    const { token, hostToken } = await session("guarded");
    const message = { jsonrpc: "2.0", id: 1, method: "tools/list" };
    const expired = resign(cloud(), token, { expiresMs: Date.now() - 1 });
    for (const [bearer, status, code] of [
      [undefined, 401, "auth.missing"],
      [expired, 401, "auth.expired"],
      [hostToken, 403, "scope.insufficient"],
      [cloud().adminKey, 403, "scope.insufficient"],
      [cloud().rootKey, 403, "scope.insufficient"],
    ] as const) {
      const response = await post(message, bearer === undefined ? {} : { authorization: `Bearer ${bearer}` });
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([status, code]);
    }
  });
});
