import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { claude } from "../../../agent/adapters/claude.ts";
import { scratchDirectory } from "../../fixtures/scratch.ts";
import { recorded, recordFile } from "./recorded.ts";

const SESSION = "82d569ca-2f0c-49d3-845b-43a24d3a038e";
const hooks = { url: "http://127.0.0.1:9/hook", token: "secret-token", command: ["node", "/it's/relay.ts"] };
const start = (program: readonly [string, ...string[]], prompt = "- do it") =>
  claude.start({ prompt, program, hooks, sessionId: SESSION });

type Settings = {
  hooks: Record<string, { hooks: { type: string; command?: string; url?: string; headers?: object }[] }[]>;
};
const settingsOf = (command: readonly string[]) => {
  expect(command.filter((word) => word === "--settings")).toHaveLength(1);
  return JSON.parse(command[command.indexOf("--settings") + 1] ?? "") as Settings;
};

test("it runs without a terminal: the user's options are kept, and no prompt is taken for one", () => {
  const { command } = start(["claude", "--model", "opus", "--allowedTools", "Bash", "Edit"]);
  expect(command.slice(0, 7)).toEqual(["claude", "-p", "--model", "opus", "--allowedTools", "Bash", "Edit"]);
  expect(command.slice(-4)).toEqual(["--session-id", SESSION, "--", "- do it"]);
  const own = { sessionId: "s1", transcriptPath: null };
  const resumed = claude.resume({ prompt: "p", program: ["claude"], hooks, sessionId: SESSION, own });
  expect(resumed.command.slice(-4)).toEqual(["--resume", "s1", "--", "p"]);
});

test("its hooks reach the supervisor, by HTTP where that waits and by a process where no answer must mean no", () => {
  const { command } = start(["claude"]);
  const found = settingsOf(command).hooks;
  const typeOf = (event: string) => found[event]?.map(({ hooks: [hook] }) => hook?.type);
  for (const event of ["SessionStart", "PreToolUse"]) expect(typeOf(event)).toEqual(["command"]);
  for (const event of ["UserPromptSubmit", "PostToolUse", "PostToolUseFailure", "PreCompact", "Stop"])
    expect(typeOf(event)).toEqual(["http"]);
  expect(found["Stop"]?.[0]?.hooks[0]?.url).toBe(hooks.url);
  expect(found["SessionStart"]?.[0]?.hooks[0]?.command).toBe(`node '/it'\\''s/relay.ts'`);
});

test("the token is on no command line", () => {
  const launches = [start(["claude"]), claude.wrap(["claude", "fix it"], hooks)];
  expect(JSON.stringify(launches)).not.toContain(hooks.token);
  expect(JSON.stringify(launches)).toContain("Bearer $SHIM_HOOK_TOKEN");
});

test("settings that the user names are kept, however they are named, with hooks beside ours", () => {
  const own = { model: "opus", hooks: { Stop: [{ hooks: [{ type: "command", command: "mine" }] }] } };
  const file = path.join(scratchDirectory(), "settings.json");
  writeFileSync(file, JSON.stringify(own));
  for (const given of [
    ["--settings", JSON.stringify(own)],
    [`--settings=${JSON.stringify(own)}`],
    ["--settings", file],
  ]) {
    const { command } = start(["claude", ...given, "--verbose"]);
    const settings = settingsOf(command);
    expect(settings).toMatchObject({ model: "opus" });
    expect(settings.hooks["Stop"]?.map(({ hooks: [hook] }) => hook?.command ?? hook?.url)).toEqual([
      "mine",
      hooks.url,
    ]);
  }
});

test("with a terminal it is the user's own command line, and what stands behind -- stays there", () => {
  const { command, env } = claude.wrap(["claude", "--model", "opus", "--", "-fix it"], hooks);
  expect(command).toEqual(["claude", "--model", "opus", "--settings", command[4], "--", "-fix it"]);
  expect(env).toEqual({});
});

test("with a terminal it goes on with its own session, unless its user says with which", () => {
  const own = { sessionId: "s1", transcriptPath: null };
  const command = (...args: string[]) => claude.wrap(["claude", ...args], hooks, own).command;
  expect(command("--model", "opus").slice(0, 5)).toEqual(["claude", "--resume", "s1", "--model", "opus"]);
  for (const named of ["-c", "--resume=s2", "--session-id"]) expect(command(named, "s2")).not.toContain("s1");
});

test("a recorded run is read: session, waits, tools, compaction, exact usage, cost and last word", () => {
  const events = recorded("claude-output").flatMap(claude.parseLine);
  const of = (type: string) => events.filter((event) => event.type === type);
  expect(of("session")).toEqual([{ type: "session", sessionId: SESSION, model: "claude-sonnet-4-5" }]);
  expect(of("retry")).toEqual([{ type: "retry", status: 429, delayMs: 1_000 }]);
  expect(of("tool_started")).toMatchObject([
    { id: "toolu_2", name: "Bash", summary: "echo one > one.txt; cat one.txt" },
    { id: "toolu_3", summary: "ls nowhere" },
    { id: "toolu_4" },
  ]);
  expect(of("tool_ended")).toEqual([
    { type: "tool_ended", id: "toolu_2", ok: true },
    { type: "tool_ended", id: "toolu_3", ok: false },
    { type: "tool_ended", id: "toolu_4", ok: true },
  ]);
  expect(events.filter(({ type }) => type.startsWith("compact"))).toEqual([
    { type: "compacting" },
    { type: "compacted" },
  ]);
  expect(of("usage").at(-1)).toEqual({
    type: "usage",
    messageId: "msg_6",
    inputTokens: 2_000,
    outputTokens: 12,
    contextTokens: 2_012,
  });
  expect(of("window")).toEqual([{ type: "window", contextWindow: 200_000 }]);
  expect(of("cost")).toEqual([{ type: "cost", totalUsd: 0.60663 }]);
  expect(events.at(-1)).toEqual({ type: "result", ok: true, text: "All is done." });
});

test("tokens of the cache are in the window too", () => {
  const usage = {
    input_tokens: 3,
    cache_read_input_tokens: 50,
    cache_creation_input_tokens: 7,
    output_tokens: 5,
  };
  const line = JSON.stringify({ type: "assistant", message: { id: "m", content: [], usage } });
  expect(claude.parseLine(line)).toEqual([
    { type: "usage", messageId: "m", inputTokens: 60, outputTokens: 5, contextTokens: 65 },
  ]);
});

test("what it says in the place of its model, or of a subagent, says nothing of its window", () => {
  const usage = { input_tokens: 0, output_tokens: 0 };
  const content = [{ type: "text", text: "API Error" }];
  const lines = [
    { type: "assistant", message: { id: "m", model: "<synthetic>", content, usage } },
    { type: "assistant", parent_tool_use_id: "toolu_1", message: { id: "m", content, usage } },
  ];
  for (const line of lines)
    expect(claude.parseLine(JSON.stringify(line)).map(({ type }) => type)).toEqual(["message"]);
});

test("the window is told before the end only where the model's name tells it", () => {
  const init = (model: string) =>
    claude.parseLine(JSON.stringify({ type: "system", subtype: "init", session_id: "s", model }));
  expect(init("claude-opus-4-8[1m]")).toContainEqual({ type: "window", contextWindow: 1_000_000 });
  expect(init("claude-opus-4-8").map(({ type }) => type)).toEqual(["session"]);
});

test("a failed run says why", () => {
  const line = { type: "result", subtype: "error_during_execution", is_error: true, errors: ["no disk"] };
  expect(claude.parseLine(JSON.stringify(line))).toEqual([{ type: "result", ok: false, text: "no disk" }]);
});

test("its transcript gives the same usage, and is intact while it can be read to its end", async () => {
  const own = { sessionId: SESSION, transcriptPath: recordFile("claude-transcript") };
  const events = await claude.readTranscript(own);
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(["usage"]));
  const ids = events.flatMap((event) => (event.type === "usage" ? event.messageId : []));
  expect([...new Set(ids)]).toEqual(["msg_2", "msg_3", "msg_4", "msg_6"]);
  expect(events.at(-1)).toMatchObject({ contextTokens: 2_012 });
  expect(await claude.isIntact(own)).toBe(true);
  expect(await claude.isIntact({ ...own, sessionId: "another" })).toBe(false);
});
