import { describe, expect, test } from "vitest";
import type { AgentEvent } from "../../../agent/adapters/agent-event.ts";
import {
  CALLS_LIMIT,
  MESSAGES_LIMIT,
  MESSAGE_CHARACTERS_LIMIT,
  NO_MEMORY,
  PENDING_CALLS_LIMIT,
  PROMPTS_LIMIT,
  type SessionMemory,
  pendingCalls,
  remember,
} from "../../../agent/checkpoints/session-memory.ts";

const after = (events: readonly AgentEvent[], from: SessionMemory = NO_MEMORY): SessionMemory =>
  events.reduce((memory, event, index) => remember(memory, event, 1_000 + index), from);

const started = (id: string, name = "Bash", input: unknown = {}): AgentEvent => ({
  type: "tool_started",
  id,
  name,
  summary: `run ${id}`,
  input,
});
const ended = (id: string, ok = true): AgentEvent => ({ type: "tool_ended", id, ok });

test("a fact that is seen on both ways is remembered once", () => {
  const once: AgentEvent[] = [
    { type: "prompt", text: "Mend the tests" },
    { type: "message", role: "assistant", text: "I look." },
    started("a"),
    ended("a"),
    { type: "turn_ended", text: "Done." },
  ];
  const twice = once.flatMap((event) => [event, event]);
  const memory = after(twice);
  expect({ ...memory.counts }).toEqual({
    messages: 3,
    toolCalls: 1,
    failedCalls: 0,
    turns: 1,
    compactions: 0,
  });
  expect(memory.prompts).toEqual(["Mend the tests"]);
  expect(memory.calls).toHaveLength(1);
});

test("a prompt that is given again later counts again", () => {
  const memory = after([
    { type: "prompt", text: "go on" },
    { type: "turn_ended", text: "Yes." },
    { type: "prompt", text: "go on" },
  ]);
  expect(memory.prompts).toEqual(["go on", "go on"]);
});

test("the first prompt and the latest are kept, however many there are", () => {
  const memory = after(
    Array.from({ length: 100 }, (_, n): AgentEvent => ({ type: "prompt", text: `prompt ${n}` })),
  );
  expect(memory.prompts).toHaveLength(PROMPTS_LIMIT);
  expect([memory.prompts[0], memory.prompts.at(-1)]).toEqual(["prompt 0", "prompt 99"]);
});

test("messages are bounded in number and length", () => {
  const memory = after(
    Array.from({ length: 100 }, (_, n): AgentEvent => ({
      type: "message",
      role: "assistant",
      text: `${n}${"😀".repeat(10_000)}`,
    })),
  );
  expect(memory.messages).toHaveLength(MESSAGES_LIMIT);
  expect(memory.counts.messages).toBe(100);
  for (const { text } of memory.messages) {
    expect(text.length).toBeLessThanOrEqual(MESSAGE_CHARACTERS_LIMIT);
    expect(text.isWellFormed()).toBe(true);
  }
});

describe("tool calls", () => {
  test("a call whose outcome nobody told is pending, and no number of finished ones pushes it out", () => {
    const others = Array.from({ length: 500 }, (_, n) => [started(`c${n}`), ended(`c${n}`)]).flat();
    const memory = after([started("lost"), ...others]);
    expect(pendingCalls(memory).map(({ id }) => id)).toEqual(["lost"]);
    expect(memory.calls).toHaveLength(CALLS_LIMIT + 1);
  });

  test("the first outcome stays", () => {
    const memory = after([started("a"), ended("a", false), ended("a", true), started("a")]);
    expect(memory.calls).toMatchObject([{ id: "a", outcome: "failed", endedAt: 1_001 }]);
    expect(memory.counts).toMatchObject({ toolCalls: 1, failedCalls: 1 });
  });

  test("an outcome without a beginning is no call", () => {
    expect(after([ended("never")])).toEqual(NO_MEMORY);
  });

  test("pending calls are bounded", () => {
    const memory = after(Array.from({ length: 500 }, (_, n) => started(`c${n}`)));
    expect(memory.calls).toHaveLength(PENDING_CALLS_LIMIT);
    expect(memory.calls.at(-1)?.id).toBe("c499");
  });

  test("the files that calls name are remembered, the latest last", () => {
    const patch =
      "*** Begin Patch\n*** Update File: src/b.ts\n@@\n-a\n+b\n*** Add File: new.ts\n+x\n*** End Patch";
    const memory = after([
      started("1", "Read", { file_path: "src/a.ts" }),
      started("2", "Edit", { file_path: "src/b.ts" }),
      started("3", "Edit", { file_path: "src/a.ts" }),
      started("4", "apply_patch", { input: patch }),
    ]);
    expect(memory.activeFiles).toEqual(["src/a.ts", "src/b.ts", "new.ts"]);
  });
});

describe("an agent's own list of steps", () => {
  const steps = (memory: SessionMemory) => memory.todos.map(({ text, status }) => `${text}: ${status}`);

  test.each<[string, string, unknown]>([
    [
      "Claude",
      "TodoWrite",
      {
        todos: [
          { content: "a", status: "completed", activeForm: "Doing a" },
          { content: "b", status: "in_progress" },
          { content: "c", status: "pending" },
        ],
      },
    ],
    [
      "Codex",
      "update_plan",
      {
        plan: [
          { step: "a", status: "completed" },
          { step: "b", status: "in_progress" },
          { step: "c", status: "pending" },
        ],
      },
    ],
    [
      "another",
      "write_todos",
      {
        items: [
          { text: "a", completed: true },
          { description: "b", status: "IN_PROGRESS" },
          { title: "c", completed: false },
        ],
      },
    ],
  ])("is read as %s writes it", (_agent, tool, input) => {
    expect(steps(after([started("1", tool, input)]))).toEqual([
      "a: completed",
      "b: in_progress",
      "c: pending",
    ]);
  });

  test("is followed step by step", () => {
    const memory = after([
      started("1", "TaskCreate", { subject: "a" }),
      started("2", "TaskCreate", { subject: "b" }),
      started("3", "TaskCreate", { subject: "c" }),
      started("4", "TaskUpdate", { taskId: "1", status: "completed" }),
      started("5", "TaskUpdate", { taskId: "2", status: "in_progress" }),
      started("6", "TaskUpdate", { taskId: "3", status: "deleted" }),
    ]);
    expect(steps(memory)).toEqual(["a: completed", "b: in_progress"]);
  });

  test.each<unknown>([null, 7, "todos", { todos: 7 }, { todos: [7, null, {}, { content: 7 }] }, {}])(
    "that makes no sense is passed over: %j",
    (input) => {
      expect(after([started("1", "TodoWrite", input)]).todos).toEqual([]);
    },
  );
});

test("what it waits for is known until it goes on", () => {
  const waits = after([{ type: "retry", status: 429, delayMs: 1_000 }]);
  expect(waits.waiting).toEqual({ for: "model", why: "the model answers 429" });
  expect(after([started("a")], waits).waiting).toBeNull();
  expect(after([{ type: "awaiting_human", why: "permission" }]).waiting).toEqual({
    for: "human",
    why: "permission",
  });
});

test("a session of its own that begins anew has a transcript of its own", () => {
  const memory = after([
    { type: "session", sessionId: "s1", transcriptPath: "/t/s1.jsonl", model: "m" },
    { type: "session", sessionId: "s1" },
  ]);
  expect(memory.own).toEqual({ sessionId: "s1", transcriptPath: "/t/s1.jsonl", model: "m" });
  expect(after([{ type: "session", sessionId: "s2" }], memory).own).toEqual({
    sessionId: "s2",
    transcriptPath: null,
    model: "m",
  });
});
