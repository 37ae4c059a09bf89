import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { AgentEvent } from "../../../agent/adapters/agent-event.ts";
import type { AgentApi } from "../../../agent/worker/agent-api.ts";
import type { Heart } from "../../../agent/worker/heart.ts";
import type { Life } from "../../../agent/worker/life.ts";
import { createTally } from "../../../agent/worker/tally.ts";
import { createWorkerSession } from "../../../agent/worker/worker-session.ts";
import { reconfigureSessions } from "../../../shared/operations/reconfigure-sessions.ts";
import { FLEET, createWorld } from "../../fixtures/memory-world.ts";
import { anExperiment, tune, withAllocation } from "../../fixtures/tuning.ts";
import { superviseScripted } from "./supervised.ts";

const MINUTE = 60_000;
const START = Date.parse("2026-01-01T00:00:00Z");
const message: AgentEvent = { type: "message", role: "assistant", text: "on it" };
const interval = anExperiment({
  ...{ parameter: "checkpointIntervalMs", unit: "session" },
  ...{ control: 20 * MINUTE, treatment: 5 * MINUTE },
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});
afterEach(() => {
  vi.useRealTimers();
});

test("a running session goes by another value from the beat on that tells it, says so, and is told no more", async () => {
  const world = createWorld();
  withAllocation(world, () => "treatment");
  await tune(world, { active: [interval], values: { checkpointIntervalMs: 20 * MINUTE } });
  const scripted = superviseScripted("s1");
  const chat = await world.register("s1");
  const begun = Promise.withResolvers<Life>();
  const renewed: string[] = [];
  const watched = createWorkerSession({
    request: { id: "s1", host: "h1", boot: "b1", agent: "scripted" },
    api: { register: async () => chat.answer, end: async () => undefined } as Partial<AgentApi> as AgentApi,
    heart: {
      ...{ adopt: () => undefined, hostToken: () => null, beatSoon: () => undefined },
      renew: (token: string) => void renewed.push(token),
    } as Partial<Heart> as Heart,
    log: () => undefined,
    inTurn: (run) => run(),
    tally: createTally(),
    restartLimits: { perHour: 0, enabled: false, quietHours: null },
    runner: {
      report: () => ({ activity: "working", tasks: [] }),
      extendLease: () => undefined,
      abort: () => undefined,
    },
    createLoop: (_parts, drained) => ({
      work: (life) => {
        begun.resolve(life);
        return new Promise((resolve) => {
          drained.addEventListener("abort", () => {
            resolve({ kind: "drained" });
          });
        });
      },
      claimSoon: () => undefined,
      beatAcknowledged: () => undefined,
      wake: () => undefined,
    }),
  });
  const run = watched.run();
  const life = await begun.promise;
  scripted.begin(life);
  /** One beat there and back. */
  const beat = async () => {
    const described = watched.describe();
    if (!described) throw new Error("It is not registered.");
    const { sessions } = await world.beat(chat, [described]);
    const { commands } = sessions[0] ?? { commands: [] };
    watched.acknowledged(described.epoch, 0, commands);
    return commands.filter(({ type }) => type === "config").length;
  };
  expect(await beat()).toBe(0);
  scripted.hear(message);
  vi.setSystemTime(START + 6 * MINUTE);
  scripted.beat();
  await vi.waitFor(() => {
    expect(scripted.made).toEqual(["interval"]);
  });

  await tune(world, { values: { checkpointIntervalMs: 20 * MINUTE } });
  expect(await reconfigureSessions(world.ports, FLEET, interval)).toBe(1);
  expect([await beat(), await beat(), await beat()]).toEqual([1, 0, 0]);
  expect(renewed).toHaveLength(1);
  expect(life.config().parameters.checkpointIntervalMs).toBe(20 * MINUTE);
  scripted.hear(message);
  vi.setSystemTime(START + 15 * MINUTE);
  scripted.beat();
  await scripted.supervised.keeper.make("milestone");
  expect(scripted.made).toEqual(["interval", "milestone"]);
  scripted.hear(message);
  vi.setSystemTime(START + 36 * MINUTE);
  scripted.beat();
  await vi.waitFor(() => {
    expect(scripted.made).toEqual(["interval", "milestone", "interval"]);
  });
  watched.drain();
  await run;
});
