import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { DAY_MS } from "../../shared/domain/experiments/day.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { createHttpDoor } from "../fixtures/http-door.ts";
import { createDraws } from "../study/draws.ts";
import { liveThrough } from "../study/whole-fleet.ts";

// Hundreds of sessions are given up here, and each is a warning.
const logLevel = process.env.AWS_LAMBDA_LOG_LEVEL;
process.env.AWS_LAMBDA_LOG_LEVEL = "ERROR";
afterAll(() => {
  process.env.AWS_LAMBDA_LOG_LEVEL = logLevel;
});

// No sweep: these sessions do not beat, and would be given up.
const cloud = useEmbeddedCloud({
  schedule: false,
  profile: "standard",
  functions: { sweep: "infra/cost/no-sweep.handler" },
});

const START_MS = Date.UTC(2031, 0, 6);
const MINUTE_MS = 60_000;
const DEFAULT_MS = 10 * MINUTE_MS;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START_MS });
});
afterEach(() => {
  vi.useRealTimers();
});

const door = () =>
  createHttpDoor(cloud(), (ms) => {
    vi.setSystemTime(ms);
  });
const mode = (to: string) => cloud().request("POST", "/v1/tuning", { body: { mode: to } });

test("a fleet that loses work between checkpoints finds out, tries a shorter interval, ships it, and then rolls back what harms", async () => {
  const fleet = door();
  expect((await fleet.list()).tuning.mode).toBe("suggest");
  await mode("auto");
  const given = new Map<number, Set<number>>();
  const script = {
    sessionsPerDay: 25,
    hosts: 8,
    crashes: () => 0.6,
    checkpointsEvery: (intervalMs: number) => intervalMs,
  };
  let seen = 0;
  await liveThrough(
    {
      ...fleet,
      async register(id, host) {
        const session = await fleet.register(id, host);
        const day = Math.floor((Date.now() - START_MS) / DAY_MS);
        given.set(
          day,
          (given.get(day) ?? new Set()).add(session.config.parameters?.checkpointIntervalMs ?? 0),
        );
        return session;
      },
    },
    script,
    createDraws("embedded fleet", 1),
    { startMs: START_MS, days: 45 },
    async () => {
      const { experiments } = await fleet.list();
      seen = experiments.filter(({ state }) => state === "shipped").length;
      return seen > 0;
    },
  );
  const { experiments, tuning } = await fleet.list();
  const shipped = experiments.find(({ state }) => state === "shipped");
  expect(shipped).toMatchObject({
    parameter: "checkpointIntervalMs",
    metric: "lostWorkMs",
    control: DEFAULT_MS,
    treatment: DEFAULT_MS / 2,
  });
  const detail = await fleet.show(shipped?.id ?? "");
  expect(detail.log.map(({ to, treatmentShare }) => [to, treatmentShare])).toEqual([
    ["running", 0.1],
    ["running", 0.25],
    ["running", 0.5],
    ["shipping", 0.75],
    ["shipping", 0.95],
    ["shipped", 0.95],
  ]);
  expect(detail.hypothesis.effect).toBeLessThan(0);
  expect(detail.hypothesis.evidence).not.toEqual({});
  expect(tuning.parameters.find(({ name }) => name === "checkpointIntervalMs")).toMatchObject({
    value: DEFAULT_MS / 2,
    source: "shipped",
  });
  // Before, all were given the default; while it ran, some were given the one and some the other.
  const values = [...given.values()].map((day) => [...day].sort((a, b) => a - b));
  expect(values[0]).toEqual([DEFAULT_MS]);
  expect(values.at(-2)).toEqual([DEFAULT_MS / 2, DEFAULT_MS]);

  // A night that is run again changes nothing.
  const before = await fleet.list();
  await fleet.night();
  expect(await fleet.list()).toEqual(before);

  // Somebody tries what truly harms.
  vi.setSystemTime(Date.now() + DAY_MS);
  await cloud().request("POST", `/v1/experiments/${shipped?.id ?? ""}/stop`);
  const afterStop = await fleet.register("after-stop", "host-x");
  expect(afterStop.config.parameters?.checkpointIntervalMs).toBe(DEFAULT_MS);
  const started = await cloud().request("POST", "/v1/experiments", {
    body: { parameter: "checkpointToolCalls", treatment: 3, effect: 60_000 },
  });
  expect(started.status).toBe(201);
  const id = (started.body as { experiment: { id: string } }).experiment.id;
  const calls = new Map<string, number>();
  let nights = 0;
  await liveThrough(
    {
      ...fleet,
      async register(name, host) {
        const session = await fleet.register(`harm-${name}`, host);
        const toolCalls = session.config.parameters?.checkpointToolCalls ?? 0;
        calls.set(name, toolCalls);
        // The script knows intervals: here it is told by them who is treated.
        const parameters = { checkpointIntervalMs: toolCalls === 3 ? 1 : DEFAULT_MS };
        return { ...session, config: { ...session.config, parameters } as typeof session.config };
      },
    },
    {
      ...script,
      sessionsPerDay: 40,
      crashes: (told) => (told === 1 ? 0.75 : 0.05),
      checkpointsEvery: () => DEFAULT_MS,
    },
    createDraws("embedded harm", 1),
    { startMs: Math.ceil(Date.now() / DAY_MS) * DAY_MS, days: 14 },
    async () => {
      nights += 1;
      return (await fleet.show(id)).state === "rolled_back";
    },
  );
  expect(await fleet.show(id)).toMatchObject({ state: "rolled_back" });
  expect(nights).toBeLessThanOrEqual(7);
  expect(new Set(calls.values())).toEqual(new Set([3, 5]));
  const last = await fleet.register("last", "host-x");
  expect(last.config.parameters?.checkpointToolCalls).toBe(5);
}, 300_000);
