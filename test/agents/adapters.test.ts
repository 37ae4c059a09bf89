import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { AgentEvent } from "../../agent/adapters/agent-event.ts";
import type { HookEvent, OwnSession } from "../../agent/adapters/adapter.ts";
import { createSignalCollector } from "../../agent/signals/signal-collector.ts";
import { eventually } from "../fixtures/eventually.ts";
import { scratchDirectory } from "../fixtures/scratch.ts";
import { type AgentName, agentEnvironment, linesOf } from "./agent-host.ts";
import type { Conversation } from "./conversation.ts";
import { installClis } from "./install-clis.ts";
import { adapterOf, type CliStart, runCli } from "./run-cli.ts";
import { type Script, startScriptedModel } from "./scripted-model.ts";

const clis = await installClis();
const AGENTS: readonly AgentName[] = ["claude", "codex"];

/** A model, and all that a run of an agent needs besides: a home, a folder to work in, an id. */
async function prepare(agent: AgentName, script: Script) {
  const model = await startScriptedModel(script);
  onTestFinished(model.close);
  const base = {
    ...{ agent, clis, env: agentEnvironment(model), cwd: scratchDirectory() },
    ...{ prompt: "- do it", sessionId: randomUUID() },
  };
  const run = (more: Partial<CliStart> = {}) => runCli({ ...base, ...more });
  const lastTurns = () => model.requests.at(-1)?.conversation.turns ?? [];
  return { run, ...base, lastTurns };
}

const callsIn = ({ turns }: Conversation) =>
  turns.flatMap(({ toolCalls }) => toolCalls.map(({ command }) => command));

/** A model that runs these commands in order, and then says that it is done. */
const runs =
  (...commands: readonly string[]): Script =>
  (conversation) => {
    const shell = commands[callsIn(conversation).length];
    return shell === undefined ? { text: "done" } : { shell };
  };

/** Which session an agent said it is. */
function ownOf(hooks: readonly HookEvent[]): OwnSession {
  const [hook] = hooks;
  if (!hook?.sessionId) throw new Error("it told no session");
  return { sessionId: hook.sessionId, transcriptPath: hook.transcriptPath };
}

const of = <Type extends AgentEvent["type"]>(events: readonly AgentEvent[], type: Type) =>
  events.filter((event): event is Extract<AgentEvent, { type: Type }> => event.type === type);
const eventsOf = (hooks: readonly HookEvent[]) => hooks.flatMap(({ events }) => events);

test.each(AGENTS)(
  "%s does what it is asked; its hooks and its words tell what it did, and used",
  async (agent) => {
    const { run, cwd, sessionId } = await prepare(agent, runs("echo one > one.txt", "ls nowhere"));
    const { events, hooks, exited } = await run();
    expect((await exited).code).toBe(0);
    expect(existsSync(path.join(cwd, "one.txt"))).toBe(true);
    const own = ownOf(hooks);
    // One may be told which session it is to be, the other tells.
    if (agent === "claude") expect(own.sessionId).toBe(sessionId);
    expect(of(events, "session")[0]?.sessionId).toBe(own.sessionId);
    const failed = agent === "claude" ? "PostToolUseFailure" : "PostToolUse";
    expect(hooks.map(({ name }) => name).filter((name) => name !== "SessionEnd")).toEqual([
      ...["SessionStart", "UserPromptSubmit"],
      ...["PreToolUse", "PostToolUse", "PreToolUse", failed, "Stop"],
    ]);
    expect(of(eventsOf(hooks), "prompt")).toEqual([{ type: "prompt", text: "- do it" }]);
    expect(of(eventsOf(hooks), "tool_started").map(({ summary }) => summary)).toEqual([
      "echo one > one.txt",
      "ls nowhere",
    ]);
    expect(of(eventsOf(hooks), "turn_ended")).toEqual([{ type: "turn_ended", text: "done" }]);
    expect(of(events, "result")).toMatchObject([{ ok: true }]);

    const signals = createSignalCollector(0);
    const transcript = await adapterOf(agent).readTranscript(own);
    for (const event of [...events, ...transcript]) signals.hear(event, 0);
    expect(signals.read(0)).toMatchObject({ totalTokens: 3 * 1_010 });
    expect(of([...events, ...transcript], "window").length).toBeGreaterThan(0);
  },
);

test.each(AGENTS)("a tool call of %s that is denied does not run, and its model hears why", async (agent) => {
  const { run, cwd, lastTurns } = await prepare(agent, runs("touch ran"));
  const { hooks, exited } = await run({
    decide: ({ name }) =>
      name === "PreToolUse" ? { kind: "deny", reason: "replaced by <another>" } : { kind: "pass" },
  });
  expect((await exited).code).toBe(0);
  expect(existsSync(path.join(cwd, "ran"))).toBe(false);
  expect(of(eventsOf(hooks), "tool_ended")).toEqual([]);
  const results = lastTurns().flatMap(({ toolResults }) => toolResults);
  expect(results.map(({ text }) => text).join()).toContain("replaced by <another>");
});

/** How each agent's hooks are switched off, for instance by a repository that it works in. */
const HOOKS_OFF: Readonly<Record<AgentName, (cwd: string) => Partial<CliStart>>> = {
  claude: (cwd) => {
    mkdirSync(path.join(cwd, ".claude"));
    writeFileSync(path.join(cwd, ".claude", "settings.json"), '{"disableAllHooks":true}');
    return {};
  },
  codex: () => ({ flags: ["-c", "features.hooks=false"] }),
};

test.each(AGENTS)("%s is guarded also where its hooks were switched off", async (agent) => {
  const { run, cwd } = await prepare(agent, runs("touch ran"));
  const { exited } = await run({
    ...HOOKS_OFF[agent](cwd),
    decide: ({ name }) => (name === "PreToolUse" ? { kind: "deny", reason: "no" } : { kind: "pass" }),
  });
  expect((await exited).code).toBe(0);
  expect(existsSync(path.join(cwd, "ran"))).toBe(false);
});

test.each(AGENTS)("%s goes on in the same process as often as it is told to at its end", async (agent) => {
  // More often than Claude Code lets a hook keep it, unless it is told to.
  const times = 10;
  const { run, lastTurns } = await prepare(agent, ({ turns }) => ({
    text: `heard ${turns.findLast(({ role }) => role === "user")?.text ?? ""}`,
  }));
  let fed = 0;
  const { hooks, exited } = await run({
    decide: ({ name }) => {
      if (name !== "Stop" || fed === times) return { kind: "pass" };
      fed += 1;
      return { kind: "continue", prompt: `task ${fed}: <a> & "b"` };
    },
  });
  expect((await exited).code).toBe(0);
  const prompts = Array.from({ length: times }, (_, n) => `task ${n + 1}: <a> & "b"`);
  expect(of(eventsOf(hooks), "turn_ended").map(({ text }) => text)).toEqual(
    ["- do it", ...prompts].map((prompt) => `heard ${prompt}`),
  );
  const told = lastTurns().flatMap(({ role, text }) => (role === "user" ? text : []));
  expect(told.slice(-times)).toEqual(prompts);
});

test.each(AGENTS)("%s that was killed within a command goes on with its own session", async (agent) => {
  const script: Script = (conversation) =>
    conversation.turns.some(({ text }) => text === "go on")
      ? { text: "went on" }
      : runs("echo one >> log", "echo begun >> log; sleep 15")(conversation);
  const { run, cwd, lastTurns } = await prepare(agent, script);
  const first = await run();
  await eventually("the second command runs", () => linesOf(path.join(cwd, "log")).length === 2);
  first.kill();
  expect((await first.exited).code).toBeNull();
  const own = ownOf(first.hooks);
  expect(await adapterOf(agent).isIntact(own)).toBe(true);

  const second = await run({ own, prompt: "go on" });
  expect((await second.exited).code).toBe(0);
  expect(ownOf(second.hooks)).toEqual(own);
  expect(of(eventsOf(second.hooks), "session")[0]?.source).toBe("resume");
  expect(lastTurns().map(({ text }) => text)).toEqual(expect.arrayContaining(["- do it", "go on"]));
  expect(of(eventsOf(second.hooks), "turn_ended")).toEqual([{ type: "turn_ended", text: "went on" }]);
  // What was begun its model knows as cut short, or not at all: never as done.
  const [, begun] = lastTurns().flatMap(({ toolResults }) => toolResults);
  expect(begun?.text ?? "aborted").toBe("aborted");
});

/** Tokens that nearly fill a window, by the agent's own count of it. */
const FULL: Readonly<Record<AgentName, number>> = { claude: 196_000, codex: 260_000 };

test.each(AGENTS)(
  "%s whose window is full says so before it compacts, and tells its model what a hook adds",
  async (agent) => {
    const { run, env, lastTurns } = await prepare(agent, (conversation) => {
      const asked = conversation.turns.findLast(({ role }) => role === "user")?.text ?? "";
      if (/summary of the conversation/.test(asked)) return { text: "<summary>One was run.</summary>" };
      if (conversation.turns.some(({ text }) => text.includes("kept outside"))) return { text: "done" };
      // With less than two exchanges there is nothing that Claude Code could leave out.
      const isFull = callsIn(conversation).length > 0;
      return { shell: "echo one", ...(isFull && { usage: { input: FULL[agent], output: 10 } }) };
    });
    const { hooks, exited } = await run({
      env: { ...env, CLAUDE_CODE_AUTO_COMPACT_WINDOW: "100000" },
      ...(agent === "claude" && { flags: ["--model", "claude-sonnet-4-5"] }),
      decide: (hook) =>
        of(hook.events, "session").some(({ source }) => source === "compact")
          ? { kind: "context", text: "kept outside: <one>" }
          : { kind: "pass" },
    });
    expect((await exited).code).toBe(0);
    const names = hooks.map(({ name }) => name).filter((name) => /Compact|SessionStart/.test(name));
    expect(names.slice(0, 2)).toEqual(["SessionStart", "PreCompact"]);
    expect(names.slice(2).sort()).toEqual(["PostCompact", "SessionStart"]);
    expect(lastTurns().filter(({ text }) => text.includes("kept outside: <one>"))).toHaveLength(1);
  },
);

test.each(AGENTS)("%s that is refused by its model says that it waits, and then works", async (agent) => {
  let refusals = 0;
  const { run } = await prepare(agent, (conversation) => {
    refusals += 1;
    return refusals <= 2 ? { status: 429, retryAfterS: 1 } : runs("echo one")(conversation);
  });
  const { events, exited } = await run();
  expect((await exited).code).toBe(0);
  const retries = of(events, "retry");
  expect(retries.map(({ status }) => status)).toEqual([429, 429]);
  expect(of(events, "result")).toMatchObject([{ ok: true }]);
});
