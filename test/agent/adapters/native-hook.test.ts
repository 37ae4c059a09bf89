import { expect, test } from "vitest";
import { answerNativeHook, readNativeHook } from "../../../agent/adapters/native-hook.ts";
import type { HookDecision, HookEvent } from "../../../agent/adapters/adapter.ts";
import { recorded } from "./recorded.ts";

const read = (name: string) => recorded(name).map((line) => readNativeHook(JSON.parse(line)));
const typesOf = (hooks: readonly (HookEvent | null)[]) =>
  hooks.flatMap((hook) => hook?.events.map(({ type }) => type) ?? []);

test("the recorded hooks of Claude Code are read", () => {
  const hooks = read("claude-hooks");
  expect(typesOf(hooks)).toEqual([
    ...["session", "session", "prompt"],
    ...["tool_started", "tool_ended", "tool_started", "tool_ended", "tool_started", "tool_ended"],
    ...["compacting", "session", "compacted", "turn_ended", "ended"],
  ]);
  expect(
    hooks.flatMap((hook) => hook?.events.filter(({ type }) => type === "tool_ended") ?? []),
  ).toMatchObject([
    { id: "toolu_2", ok: true, durationMs: expect.any(Number) as number },
    { id: "toolu_3", ok: false },
    { id: "toolu_4", ok: true },
  ]);
  expect(hooks[0]).toMatchObject({ name: "SessionStart", cwd: "/project", events: [{ source: "startup" }] });
});

test("the recorded hooks of Codex are read, which ends no session and tells no failure", () => {
  const hooks = read("codex-hooks");
  expect(typesOf(hooks)).toEqual([
    ...["session", "session", "prompt"],
    ...["tool_started", "tool_ended", "tool_started", "tool_ended", "tool_started", "tool_ended"],
    ...["compacting", "compacted", "session", "turn_ended"],
  ]);
  const ended = hooks.flatMap((hook) => hook?.events ?? []).filter(({ type }) => type === "tool_ended");
  expect(ended).toEqual(["call_2", "call_3", "call_4"].map((id) => ({ type: "tool_ended", id, ok: true })));
});

const hook: HookEvent = { name: "PreToolUse", sessionId: null, transcriptPath: null, cwd: null, events: [] };

test.each<[HookDecision, string, object]>([
  [{ kind: "pass" }, "PreToolUse", {}],
  [
    { kind: "deny", reason: "replaced" },
    "PreToolUse",
    {
      hookSpecificOutput: {
        hookEventName: "PreToolUse",
        permissionDecision: "deny",
        permissionDecisionReason: "replaced",
      },
    },
  ],
  [{ kind: "continue", prompt: "go on" }, "Stop", { decision: "block", reason: "go on" }],
  [
    { kind: "context", text: "known" },
    "SessionStart",
    { hookSpecificOutput: { hookEventName: "SessionStart", additionalContext: "known" } },
  ],
])("%j is said in words that both agents take", (decision, name, answer) => {
  expect(answerNativeHook({ ...hook, name }, decision)).toEqual(answer);
});

test("a summary has no half of a secret", () => {
  const token = `ghp_${"a1B2c3D4e5".repeat(4).slice(0, 36)}`;
  const command = `${"x".repeat(180)} ${token}`;
  const payload = {
    hook_event_name: "PreToolUse",
    tool_use_id: "t",
    tool_name: "Bash",
    tool_input: { command },
  };
  expect(
    JSON.stringify(readNativeHook(payload)?.events.map((event) => "summary" in event && event.summary)),
  ).not.toContain("ghp_");
});
