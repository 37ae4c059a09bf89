import { expect, test } from "vitest";
import { copyFileSync } from "node:fs";
import path from "node:path";
import { codex } from "../../../agent/adapters/codex.ts";
import { createSignalCollector } from "../../../agent/signals/signal-collector.ts";
import { scratchDirectory } from "../../fixtures/scratch.ts";
import { recorded, recordFile } from "./recorded.ts";

const SESSION = "01a22141-8ef8-7fd2-ad57-c2050718432c";
const hooks = { url: "http://127.0.0.1:9/hook", token: "secret-token", command: ["node", "/it's/relay.ts"] };
const start = (...program: [string, ...string[]]) =>
  codex.start({ prompt: "- do it", program, hooks, sessionId: "unused" }).command;

test("it runs without a terminal: the user's flags stay on their side of exec, and no prompt is taken for one", () => {
  const plain = start("codex", "-a", "never", "-s", "workspace-write");
  expect(plain.slice(0, 8)).toEqual([
    ...["codex", "-a", "never", "-s", "workspace-write", "exec", "--json", "--skip-git-repo-check"],
  ]);
  expect(plain.slice(-2)).toEqual(["--", "- do it"]);
  const named = start("codex", "-a", "never", "exec", "--ephemeral");
  expect(named.slice(0, 6)).toEqual(["codex", "-a", "never", "exec", "--ephemeral", "--json"]);
  const own = { sessionId: "s1", transcriptPath: null };
  const { command } = codex.resume({ prompt: "p", program: ["codex"], hooks, sessionId: "unused", own });
  expect(command.slice(-4)).toEqual(["resume", "s1", "--", "p"]);
});

test("its hooks are processes, behind the user's own settings, and the token is on no command line", () => {
  const command = start("codex", "-c", "hooks.Stop=[]");
  const of = (event: string) => command.filter((word) => word.startsWith(`hooks.${event}=`));
  for (const event of ["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "PreCompact"])
    expect(of(event)).toEqual([
      `hooks.${event}=[{hooks=[{type="command",command="node '/it'\\\\''s/relay.ts'",timeout=600}]}]`,
    ]);
  expect(of("Stop")).toHaveLength(2);
  expect(of("Stop").at(-1)).toContain("relay.ts");
  expect(JSON.stringify([command, codex.wrap(["codex"], hooks)])).not.toContain(hooks.token);
});

test("with a terminal it is the user's own command line", () => {
  const { command } = codex.wrap(["codex", "resume", "--last"], hooks);
  expect([command[0], ...command.slice(-2)]).toEqual(["codex", "resume", "--last"]);
  expect(command).toContain("--dangerously-bypass-hook-trust");
  expect(command).not.toContain("exec");
});

test("with a terminal it goes on with its own session, unless its user names a subcommand", () => {
  const own = { sessionId: "s1", transcriptPath: null };
  const command = (...args: string[]) => codex.wrap(["codex", ...args], hooks, own).command;
  expect(command("-m", "x").slice(0, 3)).toEqual(["codex", "resume", "s1"]);
  expect(command("-m", "x").slice(-2)).toEqual(["-m", "x"]);
  for (const named of ["exec", "resume"]) expect(command("-m", "x", named, "p")).not.toContain("s1");
});

test("a recorded run is read: session, waits, words and end", () => {
  expect(recorded("codex-output").flatMap(codex.parseLine)).toEqual([
    { type: "session", sessionId: SESSION },
    { type: "retry", status: 429, delayMs: 0 },
    { type: "message", role: "assistant", text: "I begin." },
    { type: "message", role: "assistant", text: "All is done." },
    { type: "result", ok: true, text: "" },
  ]);
});

test("a model that stays too busy is a failed run, and no more waiting", () => {
  const message = "exceeded retry limit, last status: 429 Too Many Requests";
  expect(codex.parseLine(JSON.stringify({ type: "error", message }))).toEqual([]);
  expect(codex.parseLine(JSON.stringify({ type: "turn.failed", error: { message } }))).toEqual([
    { type: "result", ok: false, text: message },
  ]);
});

test("its transcript gives exact usage: an answer that is counted twice is counted once, and a compaction empties the window", async () => {
  const own = { sessionId: SESSION, transcriptPath: recordFile("codex-transcript") };
  const events = await codex.readTranscript(own);
  const signals = createSignalCollector(0);
  for (const event of events) signals.hear(event, 0);
  expect(signals.read(0)).toMatchObject({ totalTokens: 265_722 });
  const contexts = events.flatMap((event) => (event.type === "usage" ? event.contextTokens : []));
  expect(contexts).toEqual([1_240, 1_430, 260_030, 260_030, 1_010, 6_043, 2_012]);
  expect(events).toContainEqual({ type: "window", contextWindow: 258_400 });
});

test("its session is intact while its file, which has its name, can be read", async () => {
  const transcriptPath = path.join(scratchDirectory(), `rollout-${SESSION}.jsonl`);
  const own = { sessionId: SESSION, transcriptPath };
  expect(await codex.isIntact(own)).toBe(false);
  copyFileSync(recordFile("codex-transcript"), transcriptPath);
  expect(await codex.isIntact(own)).toBe(true);
  expect(await codex.isIntact({ ...own, sessionId: "another" })).toBe(false);
});
