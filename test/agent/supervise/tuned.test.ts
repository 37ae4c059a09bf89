import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { AgentEvent } from "../../../agent/adapters/agent-event.ts";
import { ApiError, UnavailableError } from "../../../agent/problem.ts";
import type { SessionConfig } from "../../../shared/contract/session.ts";
import { tellExposures } from "../../../shared/operations/tell-exposures.ts";
import { createWorld, must } from "../../fixtures/memory-world.ts";
import { anExperiment, tune, withAllocation } from "../../fixtures/tuning.ts";
import { lifeOf, superviseScripted } from "./supervised.ts";

const MINUTE = 60_000;
const START = Date.parse("2026-01-01T00:00:00Z");
const message: AgentEvent = { type: "message", role: "assistant", text: "on it" };
const interval = anExperiment({
  ...{ parameter: "checkpointIntervalMs", unit: "session" },
  ...{ control: 10 * MINUTE, treatment: 5 * MINUTE },
});
const config = (more: Partial<SessionConfig> = {}): SessionConfig => ({
  ...{ profile: "standard", tokenExpiresMs: 0 },
  ...more,
});
const under = (...experiments: string[]) => config({ experiments });
const parameters = {
  ...{ checkpointIntervalMs: 10 * MINUTE, checkpointToolCalls: 5, contextWarning: 0.6, contextDanger: 0.75 },
};

// Only the clock stands still: git, which every checkpoint asks, is a process.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});
afterEach(() => {
  vi.useRealTimers();
});
const at = (minute: number) => vi.setSystemTime(START + minute * MINUTE);

test("two sessions in different arms make checkpoints at different intervals, and tell once that they used theirs", async () => {
  const world = createWorld();
  const { ports, told } = withAllocation(world, (id) => (id.startsWith("t") ? "treatment" : "control"));
  await tune(world, { active: [interval] });
  const start = async (id: string) => {
    const { answer, claims } = await world.register(id);
    const tell = vi.fn(async (_session: string, _token: string, body: { parameters: [] }) => {
      must(await tellExposures(ports, claims, body));
    });
    const session = superviseScripted(id, tell as never);
    return { ...session, tell, life: lifeOf(answer.config) };
  };
  const [treated, control] = [await start("t1"), await start("c1")];
  const both = [treated, control];
  for (const { beat } of both) beat();
  expect(told, "nothing was begun").toEqual([]);
  for (const { begin, life } of both) begin(life);
  const all = async (of: (session: typeof treated) => number, counts: readonly number[]) => {
    await vi.waitFor(() => {
      expect(both.map(of)).toEqual(counts);
    });
  };
  await all(() => told.length, [2, 2]);
  at(4);
  for (const { hear } of both) hear(message);
  for (const { beat } of both) beat();
  at(5);
  for (const { beat } of both) beat();
  await all(({ made }) => made.length, [1, 0]);
  at(6);
  for (const { hear } of both) hear(message);
  // Waiting above took a moment of this clock, too.
  at(10.5);
  for (const { beat } of both) beat();
  await all(({ made }) => made.length, [2, 1]);
  expect(both.map(({ made }) => [...new Set(made)])).toEqual([["interval"], ["interval"]]);
  expect(both.map(({ tell }) => tell.mock.calls.length)).toEqual([1, 1]);
  expect(told.map(({ unit, variant }) => [unit, variant])).toEqual([
    ["t1/1", "treatment"],
    ["c1/1", "control"],
  ]);
  expect((await world.session("t1")).exposures).toMatchObject({ [interval.id]: { variant: "treatment" } });
});

test("a session's zone is by its own thresholds, and its beats name it", () => {
  const strict = superviseScripted("s1");
  strict.begin(lifeOf(config({ parameters: { ...parameters, contextWarning: 0.3, contextDanger: 0.4 } })));
  const usual = superviseScripted("s2");
  usual.begin(lifeOf(config()));
  for (const { hear } of [strict, usual]) {
    hear({ type: "window", contextWindow: 100 });
    hear({ type: "usage", contextTokens: 45, inputTokens: 45, outputTokens: 0 });
  }
  expect([strict, usual].map(({ beat }) => beat()?.["zone"])).toEqual(["danger", "safe"]);
  expect([strict, usual].map(({ supervised }) => supervised.hasRoom())).toEqual([false, true]);
});

test("thresholds count as used once the agent says how full its context is, and not before", () => {
  const tell = vi.fn(async () => undefined);
  const session = superviseScripted("s1", tell);
  session.begin(lifeOf(under("contextDanger")));
  session.hear(message);
  session.beat();
  expect(tell).not.toHaveBeenCalled();
  session.hear({ type: "window", contextWindow: 100 });
  session.hear({ type: "usage", contextTokens: 10, inputTokens: 10, outputTokens: 0 });
  session.beat();
  expect(tell.mock.calls).toEqual([["s1", "token-1", { parameters: ["contextDanger"] }]]);
});

test("without an experiment nothing is told, also of a server that knows none", () => {
  const tell = vi.fn(async () => undefined);
  const session = superviseScripted("s1", tell);
  session.begin(lifeOf(config()));
  session.hear(message);
  session.begin(lifeOf(under("tasksPerSession")));
  session.hear(message);
  expect(tell).not.toHaveBeenCalled();
});

test("each start tells its own, and what did not arrive is told with the next use, unless it was refused", async () => {
  const answers = [new UnavailableError("here", 1, null), null, new ApiError({ status: 404 } as never)];
  const tell = vi.fn(async () => {
    const answer = answers.shift();
    if (answer) throw answer;
  });
  const session = superviseScripted("s1", tell);
  const first = lifeOf(under("checkpointIntervalMs"));
  session.begin(first);
  await vi.waitFor(() => {
    expect(session.said).toContain("the use of a parameter could not be told");
  });
  for (let i = 0; i < 3; i += 1) session.hear(message);
  expect(tell).toHaveBeenCalledTimes(2);
  session.begin(lifeOf(under("checkpointIntervalMs"), 2));
  await vi.waitFor(() => {
    expect(session.said).toHaveLength(2);
  });
  session.hear(message);
  expect(tell.mock.calls.map(([, token]: unknown[]) => token)).toEqual(["token-1", "token-1", "token-2"]);
});
