import { describe, expect, test } from "vitest";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { type Actor, holdTask, must, registerSession, resign } from "./cast.ts";

const cloud = useEmbeddedCloud({
  profile: "standard",
  schedule: false,
  functions: { sweep: "test/functions/quiet.handler", dispatch: "test/functions/quiet.handler" },
});

/** As the agents send them, with all that nobody reads. */
const COMMON = {
  session_id: "0b1c",
  transcript_path: "/home/me/t.jsonl",
  cwd: "/home/me",
  permission_mode: "default",
};
const payload = (hook_event_name: string, more: object = {}) => ({ ...COMMON, hook_event_name, ...more });
const pre = (id: string) =>
  payload("PreToolUse", { tool_name: "Bash", tool_input: { command: "npm test" }, tool_use_id: id });

const post = (session: Pick<Actor, "token">, body: unknown, client = "claude-code", query = "") =>
  cloud().request("POST", `/v1/hooks/${client}${query}`, { key: session.token, body });
const session = (id: string) =>
  registerSession(cloud(), { id, host: `h-${id}`, capabilities: [id], agent: "claude-code" });

describe.each(["claude-code", "codex"])("hooks of %s", (client) => {
  const name = (suffix: string) => `${client}-${suffix}`;

  test("let a session that counts go on, and deny the next tool of one that was replaced", async () => {
    const me = await session(name("fenced"));
    await holdTask(cloud(), me, { id: name("task") });
    expect(await post(me, pre("c1"), client)).toMatchObject({ status: 200, body: {} });
    const end = payload("PostToolUse", { tool_use_id: "c1", tool_name: "Bash", tool_response: "out" });
    expect(await post(me, end, client)).toMatchObject({ status: 200, body: {} });
    await session(name("fenced"));
    const { status, body } = await post(me, pre("c2"), client);
    expect(status).toBe(200);
    expect(body).toEqual({
      hookSpecificOutput: {
        hookEventName: "PreToolUse",
        permissionDecision: "deny",
        permissionDecisionReason: expect.stringContaining("Stop") as string,
      },
    });
  });

  test("feed the next task into an agent that stops", async () => {
    const me = await session(name("fed"));
    const stop = payload("Stop", { stop_hook_active: false, last_assistant_message: "done" });
    expect(await post(me, stop, client)).toMatchObject({ body: {} });
    const task = { id: name("next"), type: "fix", data: { prompt: "Fix it." }, requires: [me.id] };
    await must(cloud(), "POST", "/v1/tasks", { body: task });
    expect(await post(me, stop, client, "?observe=1")).toMatchObject({ body: {} });
    const { body } = await post(me, stop, client);
    expect(body).toMatchObject({ decision: "block", reason: expect.stringMatching(/^Fix it\./) as string });
    expect(await cloud().request("GET", `/v1/tasks/${task.id}`)).toMatchObject({
      body: { task: { state: "running", sessionId: me.id } },
    });
  });

  test("tell an agent after a compaction what it had put down before", async () => {
    const me = await session(name("compacted"));
    await holdTask(cloud(), me, { id: name("long"), data: "Do it." });
    await post(me, pre("c1"), client);
    expect(await post(me, payload("PreCompact", { trigger: "auto" }), client)).toMatchObject({ status: 200 });
    const { body } = await post(me, payload("SessionStart", { source: "compact" }), client);
    expect(body).toMatchObject({
      hookSpecificOutput: {
        hookEventName: "SessionStart",
        additionalContext: expect.stringMatching(/Do it\..*npm test/s) as string,
      },
    });
  });
});

test("what a newer agent sends, or an odd one, is read as far as it is known", async () => {
  const me = await session("odd");
  for (const body of [
    payload("BrandNewEvent", { anything: [1, { deep: null }] }),
    payload("PreToolUse", { tool_name: 7, tool_use_id: { no: "text" }, tool_input: null }),
    payload("Stop", { stop_hook_active: "yes" }),
    payload("SessionStart", { source: 1 }),
  ])
    expect(await post(me, body)).toMatchObject({ status: 200, body: {} });
  // Read as JSON.parse reads it: a tool's input is not ours to refuse.
  const raw = async (body: string) => {
    const response = await fetch(`${cloud().url}/v1/hooks/codex`, {
      method: "POST",
      headers: { authorization: `Bearer ${me.token}`, "content-type": "application/json" },
      body,
    });
    return { status: response.status, body: await response.json() };
  };
  const input = '{"command":"a","command":"b","__proto__":{"x":1},"half":"\\ud800","huge":1e999}';
  const text = `{"hook_event_name":"PreToolUse","tool_use_id":"c\\ud800","tool_name":"Bash","tool_input":${input}}`;
  expect(await raw(text)).toEqual({ status: 200, body: {} });
});

test("a session that was replaced is denied though its token is good; one whose token has ended is unknown", async () => {
  const me = await session("expired");
  const { token } = me;
  const late = { token: resign(cloud(), token, { expiresMs: Date.now() - 1 }) };
  expect(await post(late, pre("c1"))).toMatchObject({ status: 401, body: { code: "auth.expired" } });
});
