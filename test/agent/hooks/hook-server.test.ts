import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { type AnswerHook, type HookRoute, startHookServer } from "../../../agent/hooks/hook-server.ts";

const RELAY = path.resolve(import.meta.dirname, "../../../agent/hooks/relay.ts");

async function open(answer: AnswerHook): Promise<HookRoute> {
  const server = await startHookServer((why) => {
    problems.push(why);
  });
  onTestFinished(server.close);
  return server.open(answer);
}
const problems: string[] = [];

const post = (url: string, token: string, body: string, method = "POST") =>
  fetch(url, { method, headers: { authorization: `Bearer ${token}` }, ...(method === "POST" && { body }) });

/** Runs the relay as an agent does; what it printed, and its exit code. */
async function relay(payload: string, env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [RELAY], { env: { PATH: process.env.PATH, ...env } });
  child.stdin.end(payload);
  const exited = once(child, "exit") as Promise<[number]>;
  const [out, [code]] = await Promise.all([text(child.stdout), exited]);
  return { out, code };
}

const payloadOf = (name: string) => JSON.stringify({ hook_event_name: name, session_id: "s" });

test("a hook is answered to whoever knows its address and its token, and to nobody else", async () => {
  const route = await open(async (payload) => ({ heard: payload }));
  const { hostname } = new URL(route.url);
  expect(hostname).toBe("127.0.0.1");
  const answer = await post(route.url, route.token, '{"a":1}');
  expect([answer.status, await answer.json()]).toEqual([200, { heard: { a: 1 } }]);
  expect((await post(route.url, "guessed", "{}")).status).toBe(401);
  expect((await post(`${route.url}x`, route.token, "{}")).status).toBe(404);
  expect((await post(route.url, route.token, "", "GET")).status).toBe(405);
  expect((await post(route.url, route.token, "{")).status).toBe(400);
  route.close();
  expect((await post(route.url, route.token, "{}")).status).toBe(404);
});

test("where there is nothing to say nothing is said: an agent may show its model whatever a hook answers", async () => {
  const route = await open(async () => ({}));
  const answer = await post(route.url, route.token, "{}");
  expect([answer.status, await answer.text()]).toEqual([200, ""]);
});

test("what fails while it answers is told, and the agent is not left waiting", async () => {
  const route = await open(async () => {
    throw new Error("no idea");
  });
  expect((await post(route.url, route.token, "{}")).status).toBe(500);
  expect(problems).toContain("no idea");
});

test("the relay prints the answer to what stands on its input", async () => {
  const route = await open(async (payload) => ({ seen: payload }));
  const env = { SHIM_HOOK_URL: route.url, SHIM_HOOK_TOKEN: route.token };
  const { out, code } = await relay(payloadOf("Stop"), env);
  expect([JSON.parse(out), code]).toEqual([{ seen: { hook_event_name: "Stop", session_id: "s" } }, 0]);
});

test.each([
  ["nobody listens there", { SHIM_HOOK_URL: "http://127.0.0.1:9/x", SHIM_HOOK_TOKEN: "t" }],
  ["it was started without a supervisor", {}],
])("before a tool call the relay says no if %s, and nothing at other times", async (_why, env) => {
  const denied = await relay(payloadOf("PreToolUse"), env);
  expect(denied.code).toBe(0);
  expect(JSON.parse(denied.out)).toMatchObject({
    hookSpecificOutput: { hookEventName: "PreToolUse", permissionDecision: "deny" },
  });
  expect(denied.out).toContain("Run no more tools");
  for (const name of ["Stop", "SessionStart", "PostToolUse"])
    expect(await relay(payloadOf(name), env)).toEqual({ out: "", code: 0 });
});

test("a refusal of the supervisor's server is no permission either", async () => {
  const route = await open(async () => ({}));
  const env = { SHIM_HOOK_URL: route.url, SHIM_HOOK_TOKEN: "of another" };
  expect((await relay(payloadOf("PreToolUse"), env)).out).toContain('"permissionDecision":"deny"');
});
