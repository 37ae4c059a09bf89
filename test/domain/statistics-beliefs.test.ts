import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalQuantile } from "../../shared/domain/statistics/distributions.ts";
import { posterior, probabilityToBeat } from "../../shared/domain/statistics/posterior.ts";
import { power, sampleSize } from "../../shared/domain/statistics/power.ts";
import { armOf, winsorThreshold, winsorise } from "../../shared/domain/statistics/raw-values.ts";
import { near } from "../fixtures/numerics.ts";

const alpha = fc.double({ min: 0.001, max: 0.4, noNaN: true });
const side = fc.constantFrom("two" as const, "greater" as const, "less" as const);

describe("beliefs", () => {
  const seen = fc.nat(200).chain((n) => fc.tuple(fc.nat(n), fc.constant(n)));

  it("in one arm beating the other sum to 1, and their losses differ by the difference of the means", () => {
    fc.assert(
      fc.property(seen, seen, fc.double({ min: 0.5, max: 30, noNaN: true }), (control, treatment, a) => {
        const prior = [a, 1] as const;
        const one = probabilityToBeat({ control, treatment, prior });
        const other = probabilityToBeat({ control: treatment, treatment: control, prior });
        near(one.probability + other.probability, 1);
        const mean = ([successes, n]: readonly [number, number]) => (successes + a) / (n + a + 1);
        near(one.expectedLoss - other.expectedLoss, mean(control) - mean(treatment));
      }),
    );
  });

  it("agree with adaptive quadrature for a million units", () => {
    // scipy.integrate.quad over 50 panels.
    const close = probabilityToBeat({ control: [500_000, 1e6], treatment: [501_000, 1e6], prior: [1, 1] });
    near(close.probability, 0.921350405, 1e-8);
    near(close.expectedLoss, 2.51272e-5, 1e-9);
    const uneven = probabilityToBeat({ control: [5, 10], treatment: [501_000, 1e6], prior: [1, 1] });
    near(uneven.probability, 0.5027069942545, 1e-10);
    near(uneven.expectedLoss, 0.0558981772496, 1e-10);
    const rare = probabilityToBeat({ control: [1, 1e6], treatment: [5, 1e6], prior: [0.5, 0.5] });
    near(rare.probability, 0.9527076362, 1e-9);
    near(rare.expectedLoss / 5.335091502e-8, 1, 1e-6);
    const alike = probabilityToBeat({ control: [0, 0], treatment: [0, 0], prior: [0.1, 0.1] });
    near(alike.probability, 0.5);
  });

  it("have an interval with the level's probability", () => {
    const { mean, interval } = posterior({ successes: 3, n: 9, prior: [1, 1], level: 0.5 });
    near(mean, 4 / 11);
    const upper = posterior({ successes: 6, n: 9, prior: [1, 1], level: 0.5 }).interval[1];
    near(interval[0], 1 - upper, 1e-12);
  });
});

describe("power", () => {
  it("is reached by the sample size that was asked for it", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        fc.double({ min: 0.05, max: 3, noNaN: true }),
        alpha,
        side,
        fc.double({ min: 0.5, max: 0.99, noNaN: true }),
        (control, effect, level, which, wanted) => {
          const shared = { alpha: level, side: which };
          const mean = { kind: "mean", effect, sd: 1, ...shared } as const;
          const rate = {
            kind: "proportion",
            control,
            treatment: control > 0.5 ? 0.01 : 0.99,
            ...shared,
          } as const;
          const { perArm } = sampleSize({ ...mean, power: wanted });
          if (perArm > 2) near(power({ ...mean, perArm }).power, wanted, 1e-7);
          else expect(power({ ...mean, perArm }).power).toBeGreaterThanOrEqual(wanted);
          const arms = sampleSize({ ...rate, power: wanted }).perArm;
          near(power({ ...rate, perArm: arms }).power, wanted);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("for tiny effects needs what a normal test needs", () => {
    const { perArm } = sampleSize({ kind: "mean", effect: 1e-5, sd: 1, alpha: 0.05, power: 0.8 });
    near(perArm, 2 * ((normalQuantile(0.975) + normalQuantile(0.8)) / 1e-5) ** 2);
  });
});

describe("raw values", () => {
  it("become sums, capped at a threshold of earlier data", () => {
    expect(armOf([1, 2, 3])).toEqual({ kind: "mean", n: 3, sum: 6, sumSquares: 14 });
    const threshold = winsorThreshold([5, 1, 2, 3, 4, 100, 6, 7, 8, 9], 0.9);
    expect(threshold).toBeLessThan(100);
    expect(winsorise([1, 200], threshold)).toEqual([1, threshold]);
    expect(winsorThreshold([], 0.9)).toBe(Infinity);
  });
});
