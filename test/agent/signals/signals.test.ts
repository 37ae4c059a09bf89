import fc from "fast-check";
import { expect, test } from "vitest";
import type { RiskZone } from "../../../shared/contract/signals.ts";
import type { AgentEvent } from "../../../agent/adapters/agent-event.ts";
import { createActivityWatch, STALL_LIMITS_MS } from "../../../agent/signals/activity-watch.ts";
import { createSignalCollector } from "../../../agent/signals/signal-collector.ts";
import { createSignalPost } from "../../../agent/signals/signal-post.ts";

const MINUTE = 60_000;
const started = (id: string): AgentEvent => ({
  type: "tool_started",
  id,
  name: "Bash",
  summary: id,
  input: {},
});
const ended = (id: string, ok = true): AgentEvent => ({ type: "tool_ended", id, ok });
const said = (text: string): AgentEvent => ({ type: "message", role: "assistant", text });
const usage = (messageId: string, contextTokens: number): AgentEvent => ({
  type: "usage",
  messageId,
  inputTokens: contextTokens - 10,
  outputTokens: 10,
  contextTokens,
});

test("what is known is exact, and what is not known is left out", () => {
  const signals = createSignalCollector(0);
  expect(signals.read(0)).toEqual({
    messages: 0,
    messagesPerMinute: 0,
    toolCalls: 0,
    toolCallsSinceCheckpoint: 0,
    consecutiveToolFailures: 0,
    durationMs: 0,
    retries: 0,
  });
  signals.hear({ type: "prompt", text: "go" }, 1_000);
  signals.hear(usage("m1", 50_000), 3_000);
  signals.hear(said("I go"), 3_000);
  expect(signals.read(3_000)).not.toHaveProperty("contextUsed");
  signals.hear({ type: "window", contextWindow: 200_000 }, 3_000);
  // The transcript tells the same answer once more.
  signals.hear(usage("m1", 50_000), 4_000);
  signals.hear({ type: "cost", totalUsd: 0.5 }, 4_000);
  expect(signals.read(63_000)).toMatchObject({
    contextTokens: 50_000,
    contextUsed: 0.25,
    contextRemaining: 150_000,
    totalTokens: 50_000,
    tokensPerMessage: 25_000,
    costUsd: 0.5,
    messages: 2,
    latencyMs: 3_000,
    sinceResponseMs: 60_000,
    durationMs: 63_000,
  });
});

test("tool calls count once, however often they are told, and failures are of the last fifty", () => {
  const signals = createSignalCollector(0);
  for (let i = 0; i < 60; i += 1) {
    for (const _time of ["by its hook", "by its output"]) {
      signals.hear(started(`c${i}`), i);
      signals.hear(ended(`c${i}`, i >= 15), i);
    }
  }
  expect(signals.read(100)).toMatchObject({
    toolCalls: 60,
    toolCallsSinceCheckpoint: 60,
    toolFailureRate: 0.1,
    consecutiveToolFailures: 0,
  });
  signals.checkpointed();
  signals.hear(started("d"), 101);
  signals.hear(ended("d", false), 102);
  expect(signals.read(103)).toMatchObject({ toolCallsSinceCheckpoint: 1, consecutiveToolFailures: 1 });
});

test("a model that slows down shows in the trend", () => {
  const signals = createSignalCollector(0);
  let atMs = 0;
  for (const latencyMs of [100, 100, 100, 200, 200, 200]) {
    signals.hear(ended(`c${atMs}`), atMs);
    atMs += latencyMs;
    signals.hear(started(`d${atMs}`), atMs);
  }
  expect(signals.read(atMs)).toMatchObject({ latencyMs: 150, latencyTrend: 1 });
});

test("no order of events makes a signal that is no number", () => {
  const event = fc.oneof(
    fc.record({ type: fc.constant("prompt" as const), text: fc.string() }),
    fc.record({ type: fc.constant("tool_ended" as const), id: fc.string(), ok: fc.boolean() }),
    fc.string().map(started),
    fc.nat().map((tokens) => usage(String(tokens), tokens)),
    fc.nat().map((contextWindow): AgentEvent => ({ type: "window", contextWindow })),
    fc.constant<AgentEvent>({ type: "compacted" }),
    fc.constant<AgentEvent>({ type: "retry", status: 429, delayMs: 1 }),
  );
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const signals = createSignalCollector(0);
      events.forEach((each, index) => {
        signals.hear(each, index);
      });
      for (const value of Object.values(signals.read(events.length)))
        expect(value).toSatisfy(Number.isFinite);
    }),
  );
});

test.each<[string, AgentEvent[], string]>([
  ["at work from its start", [], "working"],
  ["with a tool that runs", [started("a")], "tool_running"],
  ["with two, of which one has ended", [started("a"), started("b"), ended("a")], "tool_running"],
  ["after its tools", [started("a"), ended("a")], "working"],
  ["refused by its model", [{ type: "retry", status: 429, delayMs: 1_000 }], "model_waiting"],
  ["answered again", [{ type: "retry", status: 429, delayMs: 1_000 }, said("at last")], "working"],
  ["asking a person", [{ type: "awaiting_human", why: "may I?" }], "awaiting_human"],
  ["at the end of a turn, whatever tools it left", [started("a"), { type: "turn_ended", text: "" }], "idle"],
])("an agent %s is %s", (_what, events, activity) => {
  const watch = createActivityWatch(0);
  for (const event of events) watch.hear(event, 0);
  expect(watch.activity()).toBe(activity);
});

test("silence is a stall by what it was silent at, and never while a person is waited for", () => {
  const after = (event: AgentEvent | null) => {
    const watch = createActivityWatch(0);
    if (event) watch.hear(event, 0);
    return watch;
  };
  const { working, tool_running: tool, model_waiting: model } = STALL_LIMITS_MS;
  for (const [event, limitMs] of [
    [null, working],
    [started("a"), tool],
    [{ type: "retry", status: 429, delayMs: 1 }, model],
  ] as const) {
    expect(after(event).stalled(limitMs)).toBeNull();
    expect(after(event).stalled(limitMs + 1)).toMatch(/without a sign of progress/);
  }
  for (const event of [
    { type: "awaiting_human", why: "" },
    { type: "turn_ended", text: "" },
  ] as const)
    expect(after(event).stalled(365 * 24 * 60 * MINUTE)).toBeNull();
});

test("ten minutes of refusals are no stall, and being refused for ever is one", () => {
  const watch = createActivityWatch(0);
  for (let atMs = 0; atMs <= 10 * MINUTE; atMs += 30_000) {
    watch.hear({ type: "retry", status: 429, delayMs: 30_000 }, atMs);
    watch.output(atMs);
    expect(watch.stalled(atMs + 29_000)).toBeNull();
  }
  for (let atMs = 10 * MINUTE; atMs <= 3 * 60 * MINUTE; atMs += 30_000)
    watch.hear({ type: "retry", status: 429, delayMs: 30_000 }, atMs);
  expect(watch.stalled(3 * 60 * MINUTE)).not.toBeNull();
});

test("signals go with one beat a minute, and with any in which the zone is another; they name the zone", () => {
  const post = createSignalPost();
  const signals = createSignalCollector(0).read(0);
  const due = (zone: RiskZone, nowMs: number) => post.due(signals, zone, nowMs)?.zone === zone;
  expect(createSignalPost().due(signals, null, 0)).toEqual(signals);
  expect([0, 10_000, 59_999].map((nowMs) => due("safe", nowMs))).toEqual([true, false, false]);
  expect(due("warning", 20_000)).toBe(true);
  expect(due("warning", 79_999)).toBe(false);
  expect(due("warning", 80_000)).toBe(true);
});
