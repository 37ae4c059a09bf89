import { describe, expect, it } from "vitest";
import { afterAllowances, linesOf, totalOf } from "../../infra/cost/bill.ts";
import type { Measured, Stack } from "../../infra/cost/measured.ts";
import { naive, stepFunctions, temporal } from "../../infra/cost/peers.ts";
import { format } from "../../infra/cost/print.ts";
import { report } from "../../infra/cost/report.ts";

const LOAD = { agents: 1_000, intervalS: 10, tasksPerDay: 100_000 };
const MONTH_DAYS = 30.4375;
const STACK: Stack = { alarmMetrics: 9, schedules: 1 };
/** Round numbers, near those that are counted. */
const MEASURED: Measured = {
  beat: {
    redis: 2,
    redisBytes: 5_000,
    readUnits: 0,
    writeUnits: 0,
    logBytes: 0,
    answerBytes: 1_000,
    invoked: { heartbeat: { count: 1, ms: 4 } },
  },
  task: {
    redis: 7.5,
    redisBytes: 1_000,
    readUnits: 10,
    writeUnits: 8,
    invocations: 1.1,
    sqs: 0.15,
    s3: 0,
    logBytes: 1_000,
    answerBytes: 1_000,
    invoked: { tasks: { count: 1.05, ms: 40 }, dispatch: { count: 0.05, ms: 2 } },
  },
  tick: { redis: 8, redisBytes: 500, readUnits: 2, writeUnits: 1 },
  signals: { redis: 4, redisBytes: 4_000, readUnits: 0, writeUnits: 1 },
  toolCall: {
    ...{ redis: 0, redisBytes: 0, readUnits: 6, writeUnits: 2, logBytes: 0, answerBytes: 4 },
    invoked: { hooks: { count: 2, ms: 8 } },
  },
  checkpoint: {
    ...{ redis: 0, redisBytes: 0, readUnits: 5, writeUnits: 4, s3Puts: 1 },
    ...{ logBytes: 100, answerBytes: 50, invoked: { checkpoints: { count: 1, ms: 20 } } },
  },
  idleSweep: {
    redis: 4,
    redisBytes: 200,
    readUnits: 1,
    writeUnits: 0.2,
    logBytes: 100,
    invoked: { sweep: { count: 1, ms: 10 } },
  },
};
const withTask = (more: Partial<Measured["task"]>): Measured => ({
  ...MEASURED,
  task: { ...MEASURED.task, ...more },
});
const broken = (measured: Measured, load = LOAD) =>
  report(load, measured, STACK)
    .promises.filter(({ kept }) => !kept)
    .map(({ what }) => what);

describe("a bill", () => {
  it("is the amount by its price", () => {
    const lines = linesOf([
      { purpose: "tasks", price: "dynamoWriteUnits", amount: 7 * 100_000 * MONTH_DAYS, basis: "counted" },
    ]);
    expect(lines[0]?.usd).toBeCloseTo(13.316, 3); // 21.3 M units at $0.625 a million
    expect(totalOf([...lines, ...lines])).toBeCloseTo(26.633, 3);
  });

  it("takes an allowance once, however many lines use it", () => {
    const half = { purpose: "p", price: "lambdaRequests", amount: 0.75e6, basis: "counted" } as const;
    expect(afterAllowances([half])).toBe(0);
    expect(afterAllowances([half, half])).toBeCloseTo(0.5 * 0.2, 6);
  });
});

describe("what others would cost", () => {
  const perAgent = (quantities: Parameters<typeof linesOf>[0]) => totalOf(linesOf(quantities)) / LOAD.agents;

  it("naively: a request, a row and four commands for each agent's beat", () => {
    // 263 M beats: API $1, Lambda $0.20 + $0.17, log $0.30, Redis 4 x $2, a row $0.625: $10.29 a million; and the tasks.
    expect(perAgent(naive({ ...LOAD, tasksPerDay: 0 }))).toBeCloseTo((262.98 * 10.2917) / 1_000, 3);
    expect(perAgent(naive(LOAD))).toBeCloseTo(2.847, 3);
  });

  it("on Temporal Cloud: two actions a task, and the heartbeats that its SDK lets through", () => {
    expect(perAgent(temporal({ ...LOAD, agents: 1e-9, tasksPerDay: 1 / MONTH_DAYS })) * 1e-9).toBeCloseTo(0);
    expect(perAgent(temporal(LOAD))).toBeCloseTo(((262.98 / 2.4 + 2 * 3.04375) * 50) / 1_000, 3);
  });

  it("on Step Functions: four transitions a task", () => {
    expect(perAgent(stepFunctions(LOAD))).toBeCloseTo((4 * 3.04375 * 25) / 1_000, 4);
  });
});

describe("a report", () => {
  it("adds up, keeps every promise at these counts, and has a line for each purpose", () => {
    const made = report(LOAD, MEASURED, STACK);
    expect(broken(MEASURED)).toEqual([]);
    const apart = new Set(["alarms", "metrics", "signals (history)", "checkpoints", "tool calls"]);
    const coordination = made.lines.filter(({ purpose }) => !apart.has(purpose));
    expect(totalOf(coordination)).toBeCloseTo(made.perAgentMonthUsd * LOAD.agents, 9);
    expect(made.observingMonthUsd).toBeCloseTo(9 * 0.1 + 15 * 0.3, 9);
    expect(new Set(made.lines.map(({ purpose }) => purpose))).toEqual(
      new Set([
        ...apart,
        "heartbeats",
        "tasks",
        "sweep",
        "repair",
        "counting sessions",
        "schedules",
        "polling of queues",
        "redis",
      ]),
    );
    expect(made.counts).toEqual({
      redisPerBeat: 2,
      writeUnitsPerBeat: 0,
      redisPerTask: 7.5,
      writeUnitsPerTask: 8,
      invocationsPerTask: 1.1,
      sqsPerTask: 0.15,
    });
  });

  it("says what a history of signals costs, a write a minute and host, beside coordination", () => {
    const { lines } = report(LOAD, MEASURED, STACK);
    const history = lines.filter(({ purpose }) => purpose === "signals (history)");
    expect(totalOf(history)).toBeCloseTo(4.383 * 0.625, 2);
  });

  it("says what checkpoints cost, one of 50 KB each ten minutes and agent, beside coordination", () => {
    const { lines } = report(LOAD, MEASURED, STACK);
    const of = (price: string) =>
      lines.find((line) => line.purpose === "checkpoints" && line.price === price)?.usd;
    const millions = (1_000 * MONTH_DAYS * 144) / 1e6;
    expect(of("s3Puts")).toBeCloseTo(5 * millions, 6);
    expect(of("dynamoWriteUnits")).toBeCloseTo(4 * 0.625 * millions, 6);
    // The last 20 of each agent, and what was let go of in eight days: 58.6 GB.
    expect(of("s3GbMonths")).toBeCloseTo(58.6 * 0.023, 6);
    const all = lines.filter(({ purpose }) => purpose === "checkpoints");
    expect(totalOf(all)).toBeGreaterThan(21);
    expect(totalOf(all)).toBeLessThan(45);
  });

  it("says what it costs to be told of 30 tool calls an hour and agent, beside coordination", () => {
    const { lines } = report(LOAD, MEASURED, STACK);
    const told = lines.filter(({ purpose }) => purpose === "tool calls");
    const of = (price: string) => told.find((line) => line.price === price)?.usd;
    const millions = (1_000 * MONTH_DAYS * 24 * 30) / 1e6;
    expect(of("httpApiRequests")).toBeCloseTo(2 * millions, 6);
    expect(of("dynamoWriteUnits")).toBeCloseTo(2 * 0.625 * millions, 6);
    expect(of("dynamoReadUnits")).toBeCloseTo(6 * 0.125 * millions, 6);
    expect(totalOf(told)).toBeGreaterThan(90);
    expect(totalOf(told)).toBeLessThan(110);
  });

  it("says when the traffic of Redis is beyond what its plan has", () => {
    const { redisMonth } = report(LOAD, MEASURED, STACK);
    // 26.3 M beats, 3.04 M tasks, a tick each 5 s, and a step of the repair each 30 s.
    const hostMinutes = 4.383; // Of signals.
    expect(redisMonth.commands / 1e6).toBeCloseTo(
      2 * 26.298 + 7.5 * 3.044 + 8 * 0.526 + 5 * 0.0877 + 4 * hostMinutes,
      1,
    );
    expect(redisMonth.bytes / 1e9).toBeCloseTo(5 * 26.298 + 3.044 + 0.5 * 0.526 + 4 * hostMinutes, 1);
    expect(format(report(LOAD, MEASURED, STACK), LOAD)).toContain("MORE than the 50 GB of this plan");
    const light = { ...MEASURED, beat: { ...MEASURED.beat, redisBytes: 1_000 } };
    expect(format(report(LOAD, light, STACK), LOAD)).not.toContain("MORE");
  });

  it.each<[string, Measured, string]>([
    [
      "a command more a beat",
      { ...MEASURED, beat: { ...MEASURED.beat, redis: 3 } },
      "Redis commands of a beat",
    ],
    [
      "a write a beat",
      { ...MEASURED, beat: { ...MEASURED.beat, writeUnits: 1 } },
      "write units of a steady beat",
    ],
    ["a command more a task", withTask({ redis: 8.5 }), "Redis commands of a task"],
    ["two units more a task", withTask({ writeUnits: 10 }), "write units of a task"],
    ["a function that calls another", withTask({ invocations: 2.1 }), "invocations of a task"],
    ["a message a task", withTask({ sqs: 3 }), "SQS requests of a task"],
    ["a log line more a task", withTask({ logBytes: 5_000 }), "US dollars an agent and month"],
    [
      "an idle sweep that ticks",
      { ...MEASURED, idleSweep: { ...MEASURED.idleSweep, redis: 13 } },
      "US dollars a month of an idle stage",
    ],
  ])("says which promise %s breaks", (_, measured, what) => {
    expect(broken(measured).some((each) => each.startsWith(what))).toBe(true);
  });

  it("promises no price to a fleet that is too small to share what is there once", () => {
    expect(report({ ...LOAD, agents: 10, tasksPerDay: 10 }, MEASURED, STACK).promises).toHaveLength(7);
  });

  it("is read in a terminal of 100 columns", () => {
    const text = format(report(LOAD, withTask({ redis: 8.5 }), STACK), LOAD);
    expect(Math.max(...text.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(100);
    expect(text).toContain("BROKEN  Redis commands of a task: 8.5, at most 8");
  });
});
