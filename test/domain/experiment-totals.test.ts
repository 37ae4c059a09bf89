import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ExposedUnit } from "../../shared/contract/experiments.ts";
import { compareMeans } from "../../shared/domain/statistics/compare-means.ts";
import { clusteredEstimate, meanOf, stratifiedEstimate } from "../../shared/domain/experiments/estimate.ts";
import {
  type Counting,
  type Totals,
  addUnit,
  covariateKey,
  exposureOf,
  mergeTotals,
  stageTotals,
} from "../../shared/domain/experiments/totals.ts";
import { DAY_MS, FIRST_DAY, aStage, aUnit, anArm } from "../fixtures/experiments.ts";

const AT_MS = FIRST_DAY * DAY_MS;
const LATER_MS = AT_MS + 10 * DAY_MS;

const counting = (over: Partial<Counting> = {}): Counting => ({
  primary: "lostWorkMs",
  metrics: ["lostWorkMs", "crashed"],
  plan: { winsorAt: null, covariate: null, maturesAfterMs: DAY_MS },
  byHost: false,
  shareOf: () => 0.5,
  ...over,
});

function count(units: readonly ExposedUnit[], how = counting(), atMs = LATER_MS) {
  const totals: Totals = new Map();
  for (const unit of units) addUnit(totals, unit, how, atMs);
  return stageTotals(totals);
}

describe("counting units", () => {
  test("a unit that is not mature counts as exposed and with its events, and in no mean", () => {
    const [stage] = count([aUnit()], counting(), AT_MS + DAY_MS - 1);
    expect(stage?.treatment).toEqual({ exposed: 1, metrics: {}, hosts: {}, events: { crashed: 1 } });
    const [mature] = count([aUnit()], counting(), AT_MS + DAY_MS);
    expect(mature?.treatment.metrics.crashed).toMatchObject({ n: 1, y: 1 });
  });

  test("a session that lives on when it matures has not crashed and lost nothing", () => {
    const ended = { endedAtMs: AT_MS + 2 * DAY_MS, values: { crashed: 1, lostWorkMs: 5 } };
    for (const outcome of [null, ended]) {
      const [stage] = count([aUnit({ outcome })]);
      expect(stage?.treatment.metrics).toMatchObject({
        crashed: { n: 1, y: 0 },
        lostWorkMs: { n: 1, y: 0 },
      });
      expect(stage?.treatment.events).toEqual({});
    }
  });

  test("a task that has not ended when it matures has not completed", () => {
    const how = counting({ primary: "completed", metrics: ["completed", "failed", "durationMs"] });
    const [stage] = count([aUnit({ kind: "task", outcome: null })], how);
    expect(stage?.treatment.metrics).toMatchObject({ completed: { n: 1, y: 0 }, failed: { n: 1, y: 0 } });
    expect(stage?.treatment.metrics.durationMs).toBeUndefined();
  });

  test("what is not known, or no number, is left out and never zero", () => {
    const outcome = { endedAtMs: AT_MS + 1, values: { crashed: Number.NaN, lostWorkMs: Infinity } };
    const [stage] = count([aUnit({ outcome })]);
    expect(stage?.treatment).toMatchObject({ exposed: 1, metrics: {}, events: {} });
  });

  test("values past the limit count as the limit, in the primary metric alone", () => {
    const how = counting({ plan: { winsorAt: 100, covariate: null, maturesAfterMs: 0 } });
    const [stage] = count([aUnit({ outcome: { endedAtMs: AT_MS, values: { lostWorkMs: 600_000 } } })], how);
    expect(stage?.treatment.metrics.lostWorkMs).toMatchObject({ n: 1, y: 100, yy: 10_000 });
  });

  test("the covariate is what is usual for the type and repository, or for all others", () => {
    const covariate = { byKey: { [covariateKey("build", "shop")]: 7 }, other: 3 };
    const how = counting({ plan: { winsorAt: null, covariate, maturesAfterMs: 0 } });
    const value = { endedAtMs: AT_MS, values: { lostWorkMs: 2 } };
    const [stage] = count(
      [
        aUnit({ type: "build", repository: "shop", outcome: value }),
        aUnit({ id: "ses_2", type: "other", outcome: value }),
      ],
      how,
    );
    expect(stage?.treatment.metrics.lostWorkMs).toMatchObject({ n: 2, x: 10, xx: 58, xy: 20 });
  });

  test("sums by hosts are kept of equal shares alone, and of a thousand groups at most", () => {
    const how = counting({ byHost: true });
    const many = Array.from({ length: 5_000 }, (_, i) => aUnit({ id: `ses_${i}`, host: `host-${i}` }));
    const [stage] = count(many, how);
    const groups = Object.values(stage?.treatment.hosts ?? {});
    expect(groups.length).toBeGreaterThan(900);
    expect(groups.length).toBeLessThanOrEqual(1_000);
    expect(groups.reduce((sum, { n }) => sum + n, 0)).toBe(5_000);
    const [ramp] = count(many, counting({ byHost: true, shareOf: () => 0.25 }));
    expect(ramp?.treatment.hosts).toEqual({});
  });

  test("nobody who was not allocated is exposed", () => {
    expect(exposureOf({ stage: 2 }, null, 5)).toBeNull();
    expect(exposureOf({ stage: 2 }, "control", 5)).toEqual({ variant: "control", stage: 2, atMs: 5 });
  });

  const units = fc.array(
    fc.record({
      variant: fc.constantFrom("control" as const, "treatment" as const),
      stage: fc.integer({ min: 0, max: 2 }),
      host: fc.constantFrom("host-1", "host-2", null),
      value: fc.integer({ min: 0, max: 1_000 }),
    }),
    { maxLength: 40 },
  );

  test("days may be counted apart and put together in any order", () => {
    fc.assert(
      fc.property(units, fc.integer({ min: 0, max: 40 }), (drawn, cut) => {
        const all = drawn.map(({ variant, stage, host, value }, i) =>
          aUnit({
            id: `ses_${i}`,
            variant,
            stage,
            host,
            outcome: { endedAtMs: AT_MS, values: { crashed: value % 2, lostWorkMs: value } },
          }),
        );
        const how = counting({ byHost: true });
        const [a, b] = [count(all.slice(0, cut), how), count(all.slice(cut), how)];
        const whole = count(all, how);
        expect(mergeTotals([a, b])).toEqual(whole);
        expect(mergeTotals([b, a])).toEqual(whole);
      }),
    );
  });
});

describe("estimates", () => {
  test("of one stage the difference is that of two means, and its error nearly Welch's", () => {
    const control = anArm(400, { durationMs: 50 }, { variance: 90 });
    const treatment = anArm(300, { durationMs: 47 }, { variance: 70 });
    const found = stratifiedEstimate([aStage(0, 0.5, control, treatment)], "durationMs");
    const sums = (arm: typeof control) => arm.metrics.durationMs ?? { n: 0, y: 0, yy: 0 };
    const welch = compareMeans({
      control: { kind: "mean", n: 400, sum: sums(control).y, sumSquares: sums(control).yy },
      treatment: { kind: "mean", n: 300, sum: sums(treatment).y, sumSquares: sums(treatment).yy },
      alpha: 0.05,
      scale: "absolute",
      side: "two",
    });
    expect(found?.estimate).toBeCloseTo(welch.estimate, 9);
    expect(found?.standardError).toBeCloseTo(welch.standardError, 9);
    expect(found?.n).toBe(700);
  });

  test("a fleet that changes between stages shows no effect where there is none within them", () => {
    const stages = [
      aStage(0, 0.1, anArm(900, { completed: 0.4 }), anArm(100, { completed: 0.4 })),
      aStage(1, 0.5, anArm(500, { completed: 0.8 }), anArm(500, { completed: 0.8 })),
    ];
    expect(stratifiedEstimate(stages, "completed")?.estimate).toBeCloseTo(0, 12);
    expect(meanOf(stages, "control", "completed")).toBeCloseTo(0.543, 3);
    expect(meanOf(stages, "treatment", "completed")).toBeCloseTo(0.733, 3);
    expect(meanOf(stages, "treatment", "attempts")).toBeNull();
  });

  test("a stage with too few units in an arm weighs nothing, and nothing is known without another", () => {
    const small = aStage(0, 0.1, anArm(40, { completed: 0.5 }), anArm(4, { completed: 1 }));
    expect(stratifiedEstimate([small], "completed")).toBeNull();
    const large = aStage(1, 0.5, anArm(50, { completed: 0.5 }), anArm(50, { completed: 0.6 }));
    expect(stratifiedEstimate([small, large], "completed")?.estimate).toBeCloseTo(0.1, 12);
  });

  test("a covariate that foretells the metric takes its part out of the error, and its imbalance out of the estimate", () => {
    const arm = (shift: number) => {
      const values = Array.from({ length: 100 }, (_, i) => ({
        x: i % 10,
        y: (i % 10) * 2 + (i % 3) + shift,
      }));
      const sum = (of: (one: { x: number; y: number }) => number) =>
        values.reduce((total, one) => total + of(one), 0);
      const sums = {
        n: 100,
        y: sum(({ y }) => y),
        yy: sum(({ y }) => y * y),
        x: sum(({ x }) => x),
        xx: sum(({ x }) => x * x),
        xy: sum(({ x, y }) => x * y),
      };
      return { exposed: 100, metrics: { durationMs: sums }, hosts: {}, events: {} };
    };
    const adjusted = stratifiedEstimate([aStage(0, 0.5, arm(0), arm(1))], "durationMs");
    const blind = (one: ReturnType<typeof arm>) => ({
      ...one,
      metrics: { durationMs: { ...one.metrics.durationMs, x: 0, xx: 0, xy: 0 } },
    });
    const plain = stratifiedEstimate([aStage(0, 0.5, blind(arm(0)), blind(arm(1)))], "durationMs");
    expect(adjusted?.estimate).toBeCloseTo(1, 9);
    expect(plain?.estimate).toBeCloseTo(1, 9);
    expect(adjusted?.standardError).toBeLessThan((plain?.standardError ?? 0) / 5);
  });

  test("where hosts are randomised their differences make the error, and ten of each arm are needed", () => {
    const hosts = (count: number, mean: (i: number) => number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`host-${i}`, { n: 10, y: 10 * mean(i) }]));
    const stage = (c: number, t: number, share = 0.5) =>
      aStage(
        0,
        share,
        anArm(c * 10, {}, { hosts: hosts(c, (i) => (i % 2 ? 0.4 : 0.6)) }),
        anArm(t * 10, {}, { hosts: hosts(t, (i) => (i % 2 ? 0.5 : 0.7)) }),
      );
    expect(clusteredEstimate([stage(10, 9)], 0.5)).toBeNull();
    expect(clusteredEstimate([stage(10, 10, 0.25)], 0.5)).toBeNull();
    const found = clusteredEstimate([stage(12, 10)], 0.5);
    expect(found?.estimate).toBeCloseTo(0.1, 12);
    expect(found?.degreesOfFreedom).toBe(20);
    expect(found?.n).toBe(220);
    // Each host is 0.1 off its arm's mean: sqrt(0.01/11 + 0.01/9).
    expect(found?.standardError).toBeCloseTo(Math.sqrt(0.01 / 11 + 0.01 / 9), 9);
  });
});
