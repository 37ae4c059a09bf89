import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { UnitRecord } from "../../shared/contract/experiments.ts";
import { DayRollup } from "../../shared/contract/rollup.ts";
import {
  OTHERS,
  addToRollup,
  cellOf,
  cellsOf,
  createRollup,
  mergeRollups,
  quantileOf,
  rollupOf,
  wordsOf,
} from "../../shared/domain/experiments/rollup.ts";
import { unit, weeksOf } from "../fixtures/fleet-weeks.ts";
import { createChoices } from "../simulation/random.ts";

function dayOf(units: readonly UnitRecord[], day = 100): DayRollup {
  const rollup = createRollup();
  for (const one of units) addToRollup(rollup, one);
  return rollupOf(rollup, "fleet", day);
}

// Numbers whose sums are exact, as other sums depend on their order in the last digit.
const whole = fc.integer({ min: 0, max: 100_000 });
const task = fc
  .record({
    type: fc.constantFrom("build", "test", null),
    host: fc.constantFrom("a", "b", null),
    wait: whole,
  })
  .map(({ type, host, wait }) =>
    unit("task", { waitMs: wait, completed: wait % 2, attempts: 1 + (wait % 4) }, {}, { type, host }),
  );
const session = fc
  .record({
    crashed: fc.constantFrom(0, 1),
    context: fc.integer({ min: 0, max: 64 }),
    lost: whole,
  })
  .map(({ crashed, context, lost }) =>
    unit(
      "session",
      { crashed, lostWorkMs: crashed * lost },
      { contextUsed: context / 64, activity: crashed ? "idle" : "working" },
    ),
  );
const units = fc.array(fc.oneof(task, session), { maxLength: 60 });

describe("a day's rollup", () => {
  it("is the same in whatever order the units come", () => {
    fc.assert(
      fc.property(units, fc.integer(), (day, seed) => {
        const choices = createChoices(seed);
        expect(dayOf(choices.some(day, day.length))).toEqual(dayOf(day));
      }),
    );
  });

  it("adds up: the days of any split come to what all units together do, in any order", () => {
    fc.assert(
      fc.property(fc.array(units, { maxLength: 4 }), fc.integer(), (days, seed) => {
        const rollups = days.map((day, i) => dayOf(day, i));
        const merged = mergeRollups(rollups);
        const { task: tasks, session: sessions } = mergeRollups([dayOf(days.flat())]);
        expect({ ...merged, days: 1 }).toEqual({ days: 1, task: tasks, session: sessions });
        const shuffled = createChoices(seed).some(rollups, rollups.length);
        expect(mergeRollups(shuffled)).toEqual(merged);
      }),
    );
  });

  it("survives its own schema and JSON", () => {
    fc.assert(
      fc.property(units, (day) => {
        const rollup = dayOf(day);
        expect(DayRollup.parse(JSON.parse(JSON.stringify(rollup)))).toEqual(rollup);
      }),
    );
  });

  it("leaves out what is not known or no number, and never counts it as zero", () => {
    const { session: kind } = weeksOf([
      unit("session", { crashed: 1, lostWorkMs: Number.NaN }, { contextUsed: Number.NaN, durationMs: -1 }),
      unit("session", { crashed: 0, lostWorkMs: 7 }, { contextUsed: 0.5, unheardOf: 3, name: "x" }),
      unit("session", {}, {}, { host: null, agent: null }),
    ]);
    expect(kind.n).toBe(3);
    expect(kind.metrics.lostWorkMs).toMatchObject({ n: 1, y: 7 });
    expect(kind.metrics.crashed).toMatchObject({ n: 2, y: 1 });
    expect(Object.keys(kind.cells)).toEqual(["contextUsed=10"]);
    expect(Object.keys(kind.facts)).toEqual(["contextUsed"]);
    expect(kind.parts["crashed"]).toMatchObject({ crashed: { n: 1, y: 1 } });
  });

  it("is bounded, with 10,000 types, hosts and words, and loses no unit", () => {
    const many = Array.from({ length: 10_000 }, (_, i) => [
      unit("task", { waitMs: i }, { crashes: i }, { type: `type-${i}`, host: `host-${i}` }),
      unit("session", { crashed: 1 }, { activity: `word-${i}`, toolCalls: 2 ** (i % 900) }),
    ]).flat();
    const frequent = [
      unit("task", { waitMs: 1 }, {}, { type: "often" }),
      unit("task", { waitMs: 1 }, {}, { type: "often" }),
    ];
    const day = dayOf([...many, ...frequent]);
    expect(JSON.stringify(day).length).toBeLessThan(60_000);
    const count = (rows: Record<string, Partial<Record<string, { n: number }>>>, metric: string) =>
      Object.values(rows).reduce((sum, row) => sum + (row[metric]?.n ?? 0), 0);
    expect(count(day.task.groups, "waitMs")).toBe(10_002);
    expect(count(day.task.hosts, "waitMs")).toBe(10_002);
    expect(day.task.groups["often|shop"]?.waitMs?.n).toBe(2);
    const words = wordsOf(day.session, "activity");
    expect(words).toHaveLength(21);
    expect(words.reduce((sum, { row }) => sum + (row.crashed?.n ?? 0), 0)).toBe(10_000);
    const merged = mergeRollups([day, dayOf(many, 101)]);
    expect(Object.keys(merged.task.groups)).toHaveLength(201);
    expect(count(merged.task.groups, "waitMs")).toBe(20_002);
    expect(merged.task.groups[OTHERS]?.waitMs?.n).toBeGreaterThan(19_000);
  });

  it("keeps apart the tasks that were tried again, resumed, and resumed once", () => {
    const { task: kind } = weeksOf([
      unit("task", { attempts: 1, completed: 1 }, { sessions: 1, crashes: 0 }),
      unit("task", { attempts: 2, completed: 1 }, { sessions: 2, crashes: 1 }),
      unit("task", { attempts: 3, completed: 0 }, { sessions: "2" }),
      unit("task", { completed: 1 }, { sessions: 2, crashes: 1 }),
    ]);
    const counts = Object.entries(kind.parts).map(([name, part]) => [name, part.completed?.n]);
    expect(Object.fromEntries(counts)).toEqual({ retried: 2, resumed: 2, resumedOnce: 1 });
  });
});

describe("a fact's cell", () => {
  it.each([
    ["contextUsed", 0.449, "contextUsed=8"],
    ["contextUsed", 0.45, "contextUsed=9"],
    ["contextUsed", 0.15, "contextUsed=3"],
    ["durationMs", 59_999, "durationMs=0"],
    ["durationMs", 130_000, "durationMs=120000"],
    ["crashes", 2, "crashes=2"],
    ["crashes", 1e9, "crashes=40"],
    ["activity", "idle", "activity=idle"],
    ["contextUsed", "much", null],
    ["contextUsed", Infinity, null],
    ["contextUsed", -0.1, null],
    ["constructor", 1, null],
  ])("of %s %s is %s", (name, value, cell) => {
    expect(cellOf(name, value)).toBe(cell);
  });

  it("is read back in order with its edges", () => {
    const { session: kind } = weeksOf(
      [300_000, 10_000, 70_000].map((durationMs) =>
        unit("session", { crashed: 1 }, { durationMs, crashes: 1 }),
      ),
    );
    const edges = (name: string) => cellsOf(kind, name).map(({ from, to }) => [from, to]);
    expect(edges("durationMs")).toEqual([
      [0, 60_000],
      [60_000, 120_000],
      [240_000, 480_000],
    ]);
    expect(edges("crashes")).toEqual([[1, 2]]);
    expect(edges("nothing")).toEqual([]);
  });
});

describe("a spread's quantile", () => {
  it("is within a bin of the true one", () => {
    const values = Array.from({ length: 1_000 }, (_, i) => i + 1);
    const { waitMs } = dayOf(values.map((value) => unit("task", { waitMs: value }))).task.metrics;
    for (const p of [0.5, 0.9, 0.99]) {
      const found = (waitMs && quantileOf(waitMs, p)) ?? 0;
      expect(found / (p * 1_000)).toBeGreaterThan(0.9);
      expect(found / (p * 1_000)).toBeLessThan(1.1);
    }
  });

  it("takes what no clock measures for the outermost bins", () => {
    const { waitMs } = dayOf([1e-300, 1e300].map((value) => unit("task", { waitMs: value }))).task.metrics;
    expect(Object.keys(waitMs?.bins ?? {})).toEqual(["265", "-145"]);
  });

  it("is zero where most are zero, and null of nothing", () => {
    const { waitMs } = dayOf([0, 0, 5].map((value) => unit("task", { waitMs: value }))).task.metrics;
    expect(waitMs && quantileOf(waitMs, 0.5)).toBe(0);
    expect(quantileOf({ bins: {} }, 0.5)).toBeNull();
  });
});
