import { describe, expect, it } from "vitest";
import type { UnitRecord } from "../../shared/contract/experiments.ts";
import type { MetricName, ParameterName } from "../../shared/contract/parameters.ts";
import type { DayRollup } from "../../shared/contract/rollup.ts";
import { varianceBetween } from "../../shared/domain/experiments/between.ts";
import { historyFor, meanOf, varianceOf } from "../../shared/domain/experiments/history.ts";
import { addToRollup, createRollup, rollupOf } from "../../shared/domain/experiments/rollup.ts";
import { unit } from "../fixtures/fleet-weeks.ts";
import { createChoices } from "../simulation/random.ts";

function daysOf(...days: readonly (readonly UnitRecord[])[]): DayRollup[] {
  return days.map((units, day) => {
    const rollup = createRollup();
    for (const one of units) addToRollup(rollup, one);
    return rollupOf(rollup, "fleet", day);
  });
}

const of = (parameter: ParameterName, metric: MetricName) => ({ parameter, hypothesis: { metric } });
const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

describe("what the last weeks say of a metric", () => {
  it("is nothing without days, and without units of which it is known", () => {
    const nothing = { unitsPerNight: 0, designEffect: 1, covariate: null, winsorAt: null, guardrails: {} };
    expect(historyFor([], of("briefTokens", "durationMs"))).toMatchObject(nothing);
    const unknown = daysOf([unit("session", { crashed: 1 })]);
    expect(historyFor(unknown, of("checkpointIntervalMs", "lostWorkMs"))).toMatchObject(nothing);
  });

  it("counts units a night of the days that are kept, of which the metric is known", () => {
    const days = daysOf(
      times(30, () => unit("session", { crashed: 0, lostWorkMs: 0 })),
      times(10, () => unit("session", { crashed: 1 })),
    );
    const history = historyFor(days, of("checkpointIntervalMs", "lostWorkMs"));
    expect(history).toMatchObject({ unitsPerNight: 15, mean: 0, variance: 0, winsorAt: null });
    expect(history.guardrails["crashed"]).toBe(0.25);
  });

  it("has proportions' variance p (1 - p) and does not cut them", () => {
    const days = daysOf(times(100, (i) => unit("session", { crashed: i < 20 ? 1 : 0 })));
    const history = historyFor(days, of("contextWarning", "crashed"));
    expect(history).toMatchObject({ mean: 0.2, winsorAt: null });
    expect(history.variance).toBeCloseTo(0.16, 12);
  });

  it("cuts a heavy tail at the 99th percentile of what is not zero", () => {
    const days = daysOf([
      ...times(990, (i) => unit("task", { waitMs: i % 2 ? 0 : 1_000 })),
      ...times(5, () => unit("task", { waitMs: 1e9 })),
    ]);
    const history = historyFor(days, of("tasksPerSession", "waitMs"));
    expect(history.winsorAt).toBeGreaterThan(900);
    expect(history.winsorAt).toBeLessThan(1_100);
    expect(history.mean).toBeGreaterThan(450);
    expect(history.mean).toBeLessThan(560);
    expect(Math.sqrt(history.variance)).toBeLessThan(600);
  });

  it("counts those alone for which the parameter is used", () => {
    const days = daysOf([
      ...times(90, () => unit("task", { attempts: 1, durationMs: 100 }, { sessions: 1 })),
      ...times(10, () => unit("task", { attempts: 3, durationMs: 900 }, { sessions: 3 })),
    ]);
    const retried = historyFor(days, of("retryBackoffFactor", "attempts"));
    expect(retried.unitsPerNight).toBe(10);
    expect(retried.mean).toBeCloseTo(3, 0);
    expect(historyFor(days, of("briefTokens", "durationMs")).unitsPerNight).toBe(10);
    const fresh = daysOf([unit("task", { attempts: 1, durationMs: 100 })]);
    expect(historyFor(fresh, of("briefTokens", "durationMs")).unitsPerNight).toBe(0);
  });

  it("has a covariate of the types and repositories that were seen often, for tasks alone", () => {
    const days = daysOf([
      ...times(40, () => unit("task", { durationMs: 100 }, {}, { type: "build" })),
      ...times(30, () => unit("task", { durationMs: 300 }, {}, { type: "test" })),
      ...times(5, () => unit("task", { durationMs: 900 }, {}, { type: "rare" })),
    ]);
    const { covariate } = historyFor(days, of("tasksPerSession", "durationMs"));
    expect(covariate?.byKey).toEqual({ "build|shop": 100, "test|shop": 300 });
    expect(covariate?.other).toBeCloseTo((4_000 + 9_000 + 4_500) / 75, 9);
    const one = daysOf(times(40, () => unit("task", { durationMs: 100 })));
    expect(historyFor(one, of("tasksPerSession", "durationMs")).covariate).toBeNull();
    const many = times(150, (i) => times(20, () => unit("task", { durationMs: i }, {}, { type: `t${i}` })));
    const bounded = historyFor(daysOf(many.flat()), of("tasksPerSession", "durationMs"));
    expect(Object.keys(bounded.covariate?.byKey ?? {})).toHaveLength(100);
  });
});

describe("the design effect", () => {
  const hostsOf = (seed: number, unlike: number): DayRollup[] => {
    const draws = createChoices(seed, "design");
    const hosts = times(40, (i) => ({ host: `h${i}`, p: 0.5 + unlike * (draws.uniform() - 0.5) }));
    return daysOf(
      hosts.flatMap(({ host, p }) =>
        times(50, () => unit("session", { crashed: draws.chance(p) ? 1 : 0 }, {}, { host })),
      ),
    );
  };

  it("is about 1 where hosts are alike, and never less", () => {
    const found = times(
      50,
      (seed) => historyFor(hostsOf(seed, 0), of("tasksPerSession", "crashed")).designEffect,
    );
    expect(Math.min(...found)).toBe(1);
    expect(found.reduce((a, b) => a + b) / 50).toBeLessThan(1.2);
  });

  it("is 1 + (m - 1) ICC where they are not", () => {
    // Uniform chances of 0.1 to 0.9: their variance is 0.64 / 12, of 0.25 in all.
    const icc = 0.64 / 12 / 0.25;
    const found = times(
      50,
      (seed) => historyFor(hostsOf(seed, 0.8), of("tasksPerSession", "crashed")).designEffect,
    );
    expect(found.reduce((a, b) => a + b) / 50 / (1 + 49 * icc)).toBeCloseTo(1, 1);
  });

  it("is not asked for where units are randomised one by one, and 1 where nothing varies", () => {
    const days = hostsOf(1, 0.8);
    expect(historyFor(days, of("contextWarning", "crashed"))).toMatchObject({ designEffect: 1 });
    expect(historyFor(days, of("contextWarning", "crashed")).hosts).toBeUndefined();
    expect(historyFor(days, of("tasksPerSession", "crashed")).hosts).toBe(40);
    const constant = daysOf(times(40, (i) => unit("session", { crashed: 0 }, {}, { host: `h${i % 4}` })));
    expect(historyFor(constant, of("tasksPerSession", "crashed")).designEffect).toBe(1);
    const oneHost = daysOf(times(40, () => unit("session", { crashed: 0 })));
    expect(historyFor(oneHost, of("tasksPerSession", "crashed"))).toMatchObject({
      designEffect: 1,
      hosts: 1,
    });
  });
});

describe("the variance between groups", () => {
  const groupsOf = (seed: number, deviation: number) => {
    const draws = createChoices(seed, "between");
    const normal = () => times(12, () => draws.uniform()).reduce((a, b) => a + b) - 6;
    return times(20, () => {
      const mean = 10 + deviation * normal();
      const values = times(30, () => mean + normal());
      return {
        n: 30,
        y: values.reduce((a, b) => a + b),
        yy: values.reduce((sum, value) => sum + value * value, 0),
      };
    });
  };

  it("is covered by its 95 % bounds about 95 times of 100", () => {
    for (const deviation of [0.3, 1]) {
      const covered = times(400, (seed) => {
        const [low, high] = varianceBetween(groupsOf(seed, deviation))?.boundsAt(0.025) ?? [0, 0];
        return low <= deviation ** 2 && deviation ** 2 <= high;
      }).filter(Boolean).length;
      expect(covered).toBeGreaterThan(368);
      expect(covered).toBeLessThan(393);
    }
  });

  it("is not known of one group, or of groups with one unit each", () => {
    expect(varianceBetween([{ n: 9, y: 1, yy: 1 }])).toBeNull();
    expect(
      varianceBetween([
        { n: 1, y: 1, yy: 1 },
        { n: 1, y: 2, yy: 4 },
      ]),
    ).toBeNull();
  });

  it("has moments of nothing that are zero", () => {
    expect(meanOf({ n: 0, y: 0, yy: 0 })).toBe(0);
    expect(varianceOf({ n: 0, y: 0, yy: 0 })).toBe(0);
  });
});
