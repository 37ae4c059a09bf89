import { beforeAll, describe, expect, test } from "vitest";
import type * as z from "zod/mini";
import { API, type Route } from "../../shared/contract/api.ts";
import { ERRORS, type ErrorCode } from "../../shared/contract/errors.ts";
import { Problem } from "../../shared/contract/problem.ts";
import { RETENTION_MS_LIMIT, RETENTION_MS_MINIMUM } from "../../shared/contract/limits.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { liveFourWeeks, portsOfCloud } from "../fixtures/tuned-fleet.ts";
import { type Actor, holdTask, registerSession } from "./cast.ts";

const cloud = useEmbeddedCloud({
  profile: "standard",
  schedule: false,
  functions: { sweep: "test/functions/quiet.handler", dispatch: "test/functions/quiet.handler" },
});

type Answer = { status: number; body: unknown };
type Filled = {
  key?: string;
  body?: unknown;
  params?: Record<string, string>;
  query?: string;
  headers?: Record<string, string>;
};

const fill = (path: string, params: Record<string, string> = {}) =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name] ?? "none");

function ask(
  route: Pick<Route, "method" | "path">,
  { key, body, params, query = "", headers }: Filled = {},
): Promise<Answer> {
  return cloud().request(route.method, `${fill(route.path, params)}${query}`, { key, body, headers });
}

/** Asks, and checks that status and shape are the contract's to the last field. */
async function succeed<R extends Route>(route: R, filled: Filled = {}): Promise<z.infer<R["answer"]>> {
  const { status, body } = await ask(route, filled);
  expect({ status, body }, `${route.method} ${route.path}`).toMatchObject({ status: route.status });
  expect(route.answer.parse(body)).toEqual(body);
  return body as z.infer<R["answer"]>;
}

describe("every route answers exactly what the contract says", () => {
  const asked = new Set<string>();
  const succeedOnce: typeof succeed = (route, filled) => {
    asked.add(`${route.method} ${route.path}`);
    return succeed(route, filled);
  };

  test("a session's life", async () => {
    const body = {
      id: "shaped",
      host: "h1",
      boot: "b1",
      agent: "claude",
      labels: { team: "a" },
      capabilities: ["shaped"],
      capacity: 2,
      cwd: "/w",
    };
    const registered = await succeedOnce(API.registerSession, { body });
    expect(registered).toMatchObject({
      session: {
        id: "shaped",
        epoch: 1,
        state: "live",
        restarts: 0,
        labels: { team: "a" },
        capacity: 2,
        lastBeatAt: null,
      },
      heartbeat: { url: `${cloud().url}/v1/heartbeat`, intervalMs: 10_000, timeoutMs: 30_000 },
      config: { profile: "standard", parameters: { checkpointToolCalls: 5, contextDanger: 0.75 } },
      resume: null,
    });
    const { token, hostToken } = registered;
    const id = { id: "shaped" };
    const exposures = { parameters: ["checkpointToolCalls"] };
    expect(await succeedOnce(API.tellExposures, { key: token, params: id, body: exposures })).toEqual({});
    await succeedOnce(API.submitTasks, {
      body: [1, 2, 3].map((data) => ({ id: `shaped-${data}`, type: "t", data, requires: ["shaped"] })),
    });
    const claimed = await succeedOnce(API.claimTasks, { key: token, params: id });
    const [held] = claimed.tasks;
    expect(held).toMatchObject({
      task: { id: "shaped-1", state: "running", attempt: 1, sessionId: "shaped" },
      fence: 1,
      resume: null,
    });
    const task = { key: token, params: { id: "shaped-1" } };
    await succeedOnce(API.reportProgress, { ...task, body: { fence: 1, percent: 50, message: "half" } });
    const kept = { trigger: "interval", taskId: "shaped-1", fence: 1, state: { task: { next: ["more"] } } };
    const { sequence } = await succeedOnce(API.writeCheckpoint, { key: token, params: id, body: kept });
    const { checkpoint } = await succeedOnce(API.readCheckpoint, { key: token, params: id });
    expect(checkpoint).toMatchObject({
      sessionId: "shaped",
      sequence,
      taskId: "shaped-1",
      state: kept.state,
    });
    const query = "?taskId=shaped-1";
    expect((await succeed(API.readCheckpoint, { key: token, params: id, query })).checkpoint).toEqual(
      checkpoint,
    );
    expect((await succeed(API.readCheckpoint, { params: id, query })).checkpoint).toEqual(checkpoint);
    await succeedOnce(API.readResume, { key: token, params: id });
    const beat = {
      host: "h1",
      boot: "b1",
      seq: 1,
      sessions: [{ id: "shaped", epoch: 1, activity: "working", tasks: [{ id: "shaped-1", fence: 1 }] }],
    };
    const beaten = await succeedOnce(API.recordHeartbeat, { key: hostToken, body: beat });
    expect(beaten.intervalMs).toBe(5_000);
    await succeedOnce(API.listSignals, { params: id });
    const ping = { jsonrpc: "2.0", id: 1, method: "ping" };
    const accept = "application/json, text/event-stream";
    await succeedOnce(API.callMcp, { key: token, body: ping, headers: { accept } });
    const stop = { hook_event_name: "Stop", session_id: "s" };
    await succeedOnce(API.recordHook, { key: token, params: { client: "claude-code" }, body: stop });
    const completed = await succeedOnce(API.completeTask, {
      ...task,
      body: { fence: 1, result: { ok: true }, evidence: ["log"] },
    });
    expect(completed).toMatchObject({
      task: { state: "completed", result: { ok: true } },
      next: { task: { id: "shaped-2" } },
    });
    const fence = completed.next?.fence ?? 0;
    await succeedOnce(API.releaseTask, {
      key: token,
      params: { id: "shaped-2" },
      body: { fence, reason: "later" },
    });
    const again = await succeedOnce(API.claimTasks, { key: token, params: id, body: { max: 1 } });
    const { task: next, fence: nextFence = 0 } = again.tasks[0] ?? {};
    const failed = await succeedOnce(API.failTask, {
      key: token,
      params: { id: next?.id ?? "" },
      body: { fence: nextFence, error: { message: "broken", code: "E1" }, retryable: false },
    });
    expect(failed.task).toMatchObject({ state: "failed", error: { message: "broken", code: "E1" } });
    await succeedOnce(API.redriveTask, { params: { id: failed.task.id }, body: { reason: "mended" } });
    expect((await succeedOnce(API.cancelTask, { params: { id: failed.task.id } })).task.state).toBe(
      "cancelled",
    );
    const ended = await succeedOnce(API.endSession, {
      key: token,
      params: id,
      body: { reason: "completed", exitCode: 0, signal: null },
    });
    expect(ended.session.state).toBe("ended");
    const repeated = await succeed(API.endSession, { key: token, params: id, body: { reason: "completed" } });
    expect(repeated, "repeating an end changes nothing").toEqual(ended);
  });

  test("a replay of a holder's report answers the same again", async () => {
    const session = await registerSession(cloud(), { id: "replays", host: "h2", capabilities: ["replays"] });
    const fence = await holdTask(cloud(), session, { id: "replayed" });
    const complete = { key: session.token, params: { id: "replayed" }, body: { fence, result: [1, 2] } };
    const first = await succeed(API.completeTask, complete);
    expect(await succeed(API.completeTask, complete)).toEqual(first);
    const task = { type: "t", data: { b: 1, a: 2 }, requires: ["nobody"] };
    const submitted = await succeed(API.submitTasks, { body: { id: "same", ...task } });
    const reordered = { id: "same", ...task, data: { a: 2, b: 1 }, priority: 3 };
    expect(await succeed(API.submitTasks, { body: reordered }), "the same task, said otherwise").toEqual(
      submitted,
    );
  });

  test("what operators read and do", async () => {
    const session = await registerSession(cloud(), {
      id: "watched",
      host: "h3",
      capabilities: ["watched"],
      capacity: 4,
    });
    await holdTask(cloud(), session, { id: "watched-task" });
    const { task } = await succeedOnce(API.getTask, { params: { id: "watched-task" } });
    expect(task).toMatchObject({ state: "running", sessionId: "watched" });
    expect((await succeedOnce(API.listTasks, { query: "?state=running" })).tasks).toContainEqual(task);
    expect((await succeedOnce(API.listSessions)).sessions.map(({ id }) => id)).toContain("watched");
    const load = await succeedOnce(API.listLoad);
    expect(await succeedOnce(API.readMetrics)).toContain("# TYPE shim_active_sessions gauge");
    expect(load).toContainEqual({ sessionId: "watched", currentTasks: 1, utilizationRate: 0.25 });
    const {
      results,
      cursor: _end,
      activeChats,
      totalTasks,
      ...counts
    } = await succeedOnce(API.summariseProgress);
    expect(
      Object.values(counts).reduce((sum, count) => sum + count, 0),
      "the states sum to the total",
    ).toBe(totalTasks);
    expect(activeChats).toBeGreaterThan(0);
    expect(results.length).toBe(counts.completedTasks + counts.failedTasks + counts.cancelledTasks);
    expect((await succeedOnce(API.rebalance, { body: { auto: true } })).moved).toEqual([]);
    const policy = async () => {
      const { fleets } = await succeed(API.listFleets, { key: cloud().rootKey });
      return fleets.find(({ id }) => id === "default")?.policy;
    };
    expect(await policy()).toBe("least-loaded");
    await succeed(API.rebalance, { body: { policy: "performance" } });
    await succeed(API.rebalance, { body: { auto: true } });
    expect(await policy()).toBe("performance");
    await succeed(API.rebalance, { body: { policy: "least-loaded" } });
    const params = { id: "watched" };
    expect((await succeedOnce(API.restartSession, { params })).session.state).toBe("live");
    expect((await succeedOnce(API.drainSession, { params })).session.state).toBe("draining");
    expect((await succeedOnce(API.getSession, { params })).session).toMatchObject({
      state: "draining",
      currentTasks: 1,
    });
  });

  test("what an agent tells and asks by hooks, checkpoints and MCP", async () => {
    const session = await registerSession(cloud(), { id: "agent", host: "h8", capabilities: ["agent"] });
    const [key, params] = [session.token, { id: "agent", client: "codex" }];
    const fence = await holdTask(cloud(), session, { id: "agent-task" });
    const checkpoint = {
      trigger: "milestone",
      taskId: "agent-task",
      fence,
      state: { task: { done: ["a"] } },
    };
    expect(await succeedOnce(API.writeCheckpoint, { key, params, body: checkpoint })).toMatchObject({
      sequence: 1,
    });
    const read = await succeedOnce(API.readCheckpoint, { params });
    expect(read.checkpoint).toMatchObject({ sequence: 1, state: checkpoint.state });
    await succeedOnce(API.readResume, { key, params });
    const hook = { hook_event_name: "PreToolUse", tool_name: "Bash", tool_use_id: "c1" };
    expect(await succeedOnce(API.recordHook, { key, params, body: hook })).toEqual({});
    const headers = { accept: "application/json, text/event-stream" };
    const body = { jsonrpc: "2.0", id: 1, method: "tools/list" };
    const listed = await succeedOnce(API.callMcp, { key, headers, body });
    expect(listed).toMatchObject({
      jsonrpc: "2.0",
      id: 1,
      result: { tools: expect.any(Array) as unknown[] },
    });
    expect(await succeedOnce(API.listSignals, { params })).toEqual({ signals: [], cursor: null });
  });

  test("what operators do to many at once", async () => {
    const nowhere = { type: "many", data: {}, requires: ["nobody"], group: "many" };
    const session = await registerSession(cloud(), { id: "fails", host: "h6", capabilities: ["fails"] });
    const fence = await holdTask(cloud(), session, { id: "dead", type: "dead" });
    const failure = { fence, error: { message: "no" }, retryable: false };
    await succeed(API.failTask, { key: session.token, params: { id: "dead" }, body: failure });
    const { tasks } = await succeedOnce(API.listDeadLetters, { query: "?type=dead" });
    expect(tasks).toMatchObject([{ id: "dead", state: "failed", error: { message: "no" } }]);
    const redriven = await succeedOnce(API.redriveDeadLetters, { body: { type: "dead", cursor: null } });
    expect(redriven).toEqual({ redriven: 1, left: 0, cursor: null });
    await succeed(API.submitTasks, { body: [1, 2].map((n) => ({ id: `many-${n}`, ...nowhere })) });
    const body = { group: "many", reason: "changed plans" };
    expect(await succeedOnce(API.cancelGroup, { body })).toEqual({ cancelled: 2, cursor: null });
    const { sessions } = await succeedOnce(API.drainHost, { params: { id: "h6" } });
    expect(sessions).toMatchObject([{ id: "fails", state: "draining" }]);
    const { retentionMs } = await succeedOnce(API.readRetention);
    for (const wanted of [RETENTION_MS_MINIMUM, RETENTION_MS_LIMIT])
      expect(await succeed(API.changeRetention, { body: { retentionMs: wanted } })).toEqual({
        retentionMs: wanted,
      });
    expect(await succeedOnce(API.changeRetention, { body: { retentionMs: null } })).toEqual({ retentionMs });
    const { rules } = await succeedOnce(API.readRules);
    expect((await succeedOnce(API.pauseTasks, { body: { type: "many" } })).rules.paused.types).toEqual([
      "many",
    ]);
    await succeedOnce(API.limitTasks, { body: { type: "many", limit: 2 } });
    await succeed(API.limitTasks, { body: { type: "many", limit: null } });
    expect((await succeedOnce(API.resumeTasks, { body: { type: "many" } })).rules).toEqual(rules);
  });

  test("what is tried on a fleet", async () => {
    await liveFourWeeks(await portsOfCloud(), "default", { sessions: 200, tasks: 0 });
    const body = { parameter: "checkpointIntervalMs", treatment: 300_000, effect: 60_000 } as const;
    const { experiment } = await succeedOnce(API.startExperiment, { body });
    expect(experiment).toMatchObject({ state: "running", treatmentShare: 0.1, control: 600_000 });
    const params = { id: experiment.id };
    expect((await succeedOnce(API.approveExperiment, { params })).experiment).toEqual(experiment);
    expect((await succeedOnce(API.getExperiment, { params })).experiment).toEqual(experiment);
    const { experiments } = await succeedOnce(API.listExperiments);
    expect(experiments.map(({ id }) => id)).toContain(experiment.id);
    const stopped = await succeedOnce(API.stopExperiment, { params, body: { reason: "shown" } });
    expect(stopped.experiment).toMatchObject({ state: "halted", reason: "shown" });
    const { tuning } = await succeedOnce(API.changeTuning, { body: { pin: { briefTokens: 3_000 } } });
    expect(tuning.parameters).toContainEqual(
      expect.objectContaining({ name: "briefTokens", value: 3_000, source: "pinned" }),
    );
    await succeed(API.changeTuning, { body: { unpin: ["briefTokens"] } });
  });

  test("what sessions tell each other", async () => {
    const [one, two] = [
      await registerSession(cloud(), { id: "talks", host: "h4", topics: ["shapes"] }),
      await registerSession(cloud(), { id: "hears", host: "h5" }),
    ];
    const body = { to: "session:hears", body: { ask: [1, "two", null] } };
    const sent = await succeedOnce(API.sendMessage, { key: one.token, body });
    const reader = { key: two.token, params: { id: "hears" } };
    const { messages, cursor } = await succeedOnce(API.readMessages, reader);
    expect(messages).toEqual([{ ...sent, from: "session:talks", ...body }]);
    const acknowledged = await succeedOnce(API.acknowledgeMessages, {
      ...reader,
      body: { cursor: cursor ?? "" },
    });
    expect(await succeed(API.readMessages, reader)).toEqual({ messages: [], cursor: null });
    await succeed(API.acknowledgeMessages, { ...reader, body: acknowledged });
    await succeed(API.sendMessage, { body: { to: "topic:shapes", body: "by an operator" } });
    expect((await succeed(API.readMessages, { params: { id: "talks" } })).messages).toMatchObject([
      { from: "operator", to: "topic:shapes" },
    ]);
  });

  test("what administrators do", async () => {
    const made = await succeedOnce(API.createKey, { body: { scope: "submit", name: "ci" } });
    expect((await succeedOnce(API.listKeys)).keys).toContainEqual(made.key);
    const { key } = await succeedOnce(API.revokeKey, { params: { id: made.key.id } });
    expect(key.revokedAt).not.toBeNull();
    expect((await succeed(API.revokeKey, { params: { id: made.key.id } })).key, "again").toEqual(key);
    const fleet = await succeedOnce(API.createFleet, {
      key: cloud().rootKey,
      body: { id: "shapes", profile: "fast" },
    });
    const { fleets } = await succeedOnce(API.listFleets, { key: cloud().rootKey });
    expect(fleets).toContainEqual(fleet.fleet);
    expect(fleets.map(({ id }) => id)).toContain("default");
    expect(await succeedOnce(API.checkHealth, { key: "nobody" })).toMatchObject({ ok: true });
  });

  test("no route was left out", () => {
    expect([...asked].sort()).toEqual(
      Object.values<Route>(API)
        .map(({ method, path }) => `${method} ${path}`)
        .sort(),
    );
  });
});

/** Routes of the protocol that are not built yet, as the design lists them. */
const PLANNED = ["GET /"];
const ITSELF = "GET /v1/openapi.json";

/** Whether a path is a route's own, or one that the route's names stand for: a task may be called `cancel`. */
function isOf(route: string, method: string, path: string): boolean {
  const pattern = route.replaceAll(/[.+]/g, "\\$&").replaceAll(/\{\w+\}/g, "[^/]+");
  return route === `${method} ${path}` || new RegExp(`^${pattern}$`).test(`${method} ${path}`);
}

describe("OpenAPI", () => {
  let described: string[];
  beforeAll(async () => {
    const response = await fetch(`${cloud().url}/v1/openapi.json`);
    expect(response.headers.get("content-type")).toContain("application/json");
    const document = (await response.json()) as {
      openapi: string;
      paths: Record<string, Record<string, object>>;
    };
    expect(document.openapi).toMatch(/^3\.1\./);
    described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
  });

  test("names every route that is served, and no route that is not", async () => {
    const paths = new Set([...described, ...PLANNED, ITSELF].map((route) => route.split(" ")[1] ?? ""));
    const served: string[] = [];
    for (const path of paths)
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
        const response = await fetch(`${cloud().url}${fill(path)}`, { method });
        if (response.status === 405) continue; // MCP asks for this word.
        const answer = (await response.json()) as { code?: ErrorCode };
        if (answer.code !== "route.not_found" && answer.code !== "route.not_implemented")
          served.push(described.find((route) => isOf(route, method, path)) ?? `${method} ${path}`);
        else expect(response.status).toBe(ERRORS[answer.code].status);
      }
    expect([...new Set(served)].sort()).toEqual([...described, ITSELF].sort());
  });

  test.each(PLANNED)("%s is not built yet, and says so", async (route) => {
    const [method = "", path = ""] = route.split(" ");
    const answer = await ask({ method: method as Route["method"], path });
    expect(answer).toMatchObject({ status: 501, body: { code: "route.not_implemented" } });
  });
});

describe("a problem", () => {
  test.each<[string, string, string, string | undefined, ErrorCode]>([
    ["of an unknown route", "GET", "/v1/none", undefined, "route.not_found"],
    ["of a route to come", "GET", "/", undefined, "route.not_implemented"],
    ["of a beat", "POST", "/v1/heartbeat", undefined, "scope.insufficient"],
    ["of a bad key", "GET", "/v1/tasks", "nobody", "auth.invalid"],
    ["of an unknown task", "GET", "/v1/tasks/none", undefined, "task.not_found"],
  ])("%s is RFC 9457, with what to do next and the request's id", async (_, method, path, key, code) => {
    const first = await cloud().request(method, path, { key });
    const second = await cloud().request(method, path, { key });
    const problem = Problem.parse(first.body);
    expect(problem).toEqual(first.body);
    const { status, title, next } = ERRORS[code];
    expect(problem).toMatchObject({ type: `urn:shim:error:${code}`, status, title, next, code });
    expect(first.status).toBe(status);
    expect(first.headers.get("content-type")).toBe("application/problem+json");
    expect(first.headers.get("cache-control")).toBe("no-store");
    expect(problem.requestId).toMatch(/^[\w-]{8,}$/);
    expect(Problem.parse(second.body).requestId).not.toBe(problem.requestId);
    expect(first.headers.get("www-authenticate")).toBe(status === 401 ? "Bearer" : null);
  });

  test("of a store that does not answer says when to come back, and health names the store", async () => {
    cloud().redis.setReachable(false);
    const [refused, health] = [
      await cloud().request("POST", "/v1/sessions", { body: { host: "h8", boot: "b8", agent: "t" } }),
      await cloud().request("GET", "/v1/health"),
    ];
    cloud().redis.setReachable(true);
    expect(refused).toMatchObject({ status: 503, body: { code: "service.unavailable" } });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(health).toMatchObject({
      status: 503,
      body: { ok: false, checks: { record: { ok: true }, redis: { ok: false } } },
    });
    expect(API.checkHealth.answer.parse(health.body)).toEqual(health.body);
  });
});

describe("each route takes the credentials of its row, and no other", () => {
  let session: Actor;
  let credentials: Record<string, string>;
  beforeAll(async () => {
    session = await registerSession(cloud(), { id: "none", host: "h4" });
    credentials = { root: cloud().rootKey, host: session.hostToken, session: session.token };
    for (const scope of ["agent", "submit", "operate", "admin"])
      credentials[scope] = (await succeed(API.createKey, { body: { scope } })).secret;
  });

  /** Told apart by a request that nobody could carry out: its body is no JSON, or what it names does not exist. */
  test.each(Object.entries<Route>(API).filter(([, { who }]) => who !== null))("%s", async (_, route) => {
    const { scopes = [], session: ofSession, host, root } = route.who ?? {};
    const allowed = new Set<string>([...scopes, ...(scopes.length > 0 ? ["admin"] : [])]);
    for (const [name, takes] of Object.entries({ session: ofSession, host, root }))
      if (takes) allowed.add(name);
    for (const [name, key] of Object.entries(credentials)) {
      const response = await fetch(`${cloud().url}${fill(route.path, { id: "none" })}`, {
        method: route.method,
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: route.body ? "{" : undefined,
      });
      const { code } = JSON.parse(response.ok ? "{}" : await response.text()) as { code?: string };
      expect({ name, refused: code === "scope.insufficient" }).toEqual({ name, refused: !allowed.has(name) });
      if (!allowed.has(name)) expect(response.status).toBe(403);
    }
  });
});
