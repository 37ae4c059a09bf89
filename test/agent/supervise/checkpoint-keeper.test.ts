import { expect, test } from "vitest";
import type { CheckpointTrigger } from "../../../shared/contract/checkpoint.ts";
import type { RiskZone } from "../../../shared/contract/signals.ts";
import type { AgentEvent } from "../../../agent/adapters/agent-event.ts";
import { TRIGGER_RULES } from "../../../agent/checkpoints/triggers.ts";
import { createCheckpointKeeper } from "../../../agent/supervise/checkpoint-keeper.ts";
import { createFeed } from "../../../agent/supervise/feed.ts";
import { createIntentRelay } from "../../../agent/supervise/intent-relay.ts";

const MINUTE = 60_000;
const ended = (id: string): AgentEvent => ({ type: "tool_ended", id, ok: true });
const shell = (command: string): AgentEvent => ({
  ...{ type: "tool_started", id: command, name: "Bash", summary: command },
  input: { command },
});

function createKept() {
  const made: CheckpointTrigger[] = [];
  const failed: string[] = [];
  const used: string[] = [];
  const world = {
    rules: TRIGGER_RULES,
    nowMs: 0,
    zone: "safe" as RiskZone,
    refuse: false,
    hold: Promise.resolve(),
  };
  const keeper = createCheckpointKeeper({
    build: async (trigger) => ({ trigger, state: {} }),
    post: async ({ trigger }) => {
      await world.hold;
      if (world.refuse) throw new Error("not now");
      made.push(trigger as CheckpointTrigger);
      return { sequence: made.length, bytes: 1 };
    },
    zone: () => world.zone,
    rules: () => world.rules,
    onUsed: (names) => void used.push(...names),
    nowMs: () => world.nowMs,
    onMade: () => undefined,
    onFailed: (_trigger, why) => failed.push(why),
    monotonicMs: () => world.nowMs,
  });
  /** Waits for what was begun so far. */
  const settled = () => keeper.make("milestone").then(() => void made.pop());
  return { keeper, made, used, failed, world, settled };
}

test("five finished tool calls make one checkpoint, and the next five another", async () => {
  const { keeper, made, settled } = createKept();
  for (let i = 0; i < 4; i += 1) keeper.heard(ended(`a${i}`));
  await settled();
  // What was asked for counts too: from then on there are five more.
  for (let i = 0; i < 4; i += 1) keeper.heard(ended(`b${i}`));
  expect(made).toEqual([]);
  keeper.heard(ended("b4"));
  await settled();
  expect(made).toEqual(["tool_calls"]);
});

test("each zone that is entered makes one, and ten minutes make one if anything happened", async () => {
  const { keeper, made, world, settled } = createKept();
  world.zone = "warning";
  keeper.heard(null);
  keeper.heard(null);
  await settled();
  world.zone = "danger";
  keeper.heard(null);
  await settled();
  expect(made).toEqual(["warning_zone", "danger_zone"]);
  world.nowMs += 10 * MINUTE;
  keeper.heard(null);
  await settled();
  expect(made).toHaveLength(2);
  keeper.heard({ type: "message", role: "assistant", text: "on it" });
  world.nowMs += 10 * MINUTE;
  keeper.heard(null);
  await settled();
  expect(made).toEqual(["warning_zone", "danger_zone", "interval"]);
});

test("what is changed while it runs holds from the next decision on", async () => {
  const { keeper, made, world, settled } = createKept();
  for (let i = 0; i < 3; i += 1) keeper.heard(ended(`a${i}`));
  world.rules = { ...TRIGGER_RULES, toolCalls: 4, intervalMs: MINUTE };
  keeper.heard(ended("a3"));
  await settled();
  keeper.heard({ type: "message", role: "assistant", text: "on it" });
  world.nowMs += MINUTE;
  keeper.heard(null);
  await settled();
  expect(made).toEqual(["tool_calls", "interval"]);
});

test("a parameter counts as used once something was compared with it, and not before", () => {
  const { keeper, used } = createKept();
  keeper.heard(null);
  expect(used, "nothing is to be kept").toEqual([]);
  keeper.heard({ type: "message", role: "assistant", text: "on it" });
  expect(used).toEqual(["checkpointIntervalMs"]);
  keeper.heard(ended("a"));
  expect(new Set(used)).toEqual(new Set(["checkpointIntervalMs", "checkpointToolCalls"]));
});

test("a risky operation waits for its checkpoint, and any other does not", async () => {
  const { keeper, made } = createKept();
  await keeper.beforeTool([shell("ls -la")]);
  expect(made).toEqual([]);
  await keeper.beforeTool([shell("npm test && git push origin main")]);
  expect(made).toEqual(["risky_operation"]);
});

test("a checkpoint that is refused stops nothing", async () => {
  const { keeper, made, failed, world } = createKept();
  world.refuse = true;
  await keeper.beforeTool([shell("rm -rf build")]);
  await keeper.make("crash");
  expect([made, failed]).toEqual([[], ["not now", "not now"]]);
});

test("an end that is held is answered by the next prompt, or let go, once", async () => {
  const feed = createFeed();
  expect(feed.give("too early")).toBe(false);
  const first = feed.ask();
  expect(feed.give("go on")).toBe(true);
  expect(feed.give("twice")).toBe(false);
  expect(await first).toBe("go on");
  const second = feed.ask();
  feed.letGo();
  expect(await second).toBeNull();
  const third = feed.ask();
  const fourth = feed.ask();
  expect(await third).toBeNull();
  feed.letGo();
  expect(await fourth).toBeNull();
});

test("tool calls are told in order, without inputs, outputs or secrets; what cannot be told holds nobody up", async () => {
  const sent: object[] = [];
  const dropped: string[] = [];
  let refuse = false;
  const relay = createIntentRelay(
    async (payload) => {
      if (refuse) throw new Error("down");
      sent.push(payload);
    },
    (text) => text.replace("hunter2", "[redacted]"),
    (why) => dropped.push(why),
  );
  relay.tell({
    type: "tool_started",
    id: "1",
    name: "Bash",
    summary: "login hunter2",
    input: { secret: "x" },
  });
  relay.tell({ type: "tool_ended", id: "1", ok: false });
  await relay.settled();
  expect(sent).toEqual([
    {
      ...{ hook_event_name: "PreToolUse", tool_use_id: "1", tool_name: "Bash" },
      tool_input: { command: "login [redacted]" },
    },
    { hook_event_name: "PostToolUseFailure", tool_use_id: "1" },
  ]);
  refuse = true;
  for (let i = 0; i < 150; i += 1) relay.tell({ type: "tool_ended", id: String(i), ok: true });
  await relay.settled();
  expect(dropped.filter((why) => why === "too many wait").length).toBeGreaterThan(0);
  expect(dropped).toContain("down");
});
