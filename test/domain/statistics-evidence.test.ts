import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalQuantile } from "../../shared/domain/statistics/distributions.ts";
import { groupSequentialBounds } from "../../shared/domain/statistics/group-sequential.ts";
import {
  benjaminiHochberg,
  eBenjaminiHochberg,
  londLevel,
  onlineFdr,
} from "../../shared/domain/statistics/multiple-testing.ts";
import { rareEventGuardrail } from "../../shared/domain/statistics/rare-event-guardrail.ts";
import { sequentialSampleRatio } from "../../shared/domain/statistics/sample-ratio.ts";
import { integral, near } from "../fixtures/numerics.ts";

const alpha = fc.double({ min: 0.001, max: 0.4, noNaN: true });

describe("evidence that is multiplied up", () => {
  it("of sample ratios is the product of what each unit was predicted to be", () => {
    const weights = fc.array(fc.double({ min: 0.1, max: 5, noNaN: true }), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(weights, fc.array(fc.nat(3), { maxLength: 60 }), (list, units) => {
        const total = list.reduce((sum, weight) => sum + weight, 0);
        const counts = list.map(() => 0);
        let logE = 0;
        for (const [seen, unit] of units.entries()) {
          const at = unit % list.length;
          const share = (list[at] ?? 0) / total;
          logE += Math.log((100 * share + (counts[at] ?? 0)) / (100 + seen) / share);
          counts[at] = (counts[at] ?? 0) + 1;
        }
        near(sequentialSampleRatio({ counts, weights: list, concentration: 100 }).logE, logE, 1e-8);
      }),
    );
  });

  it("of sample ratios takes an arm without a count as one without units", () => {
    const [weights, concentration] = [[1, 2, 1], 50];
    const short = sequentialSampleRatio({ counts: [30, 60], weights, concentration });
    expect(short).toEqual(sequentialSampleRatio({ counts: [30, 60, 0], weights, concentration }));
    expect(short.logE).toBeGreaterThan(Math.log(100));
  });

  it("of rare events is the mean likelihood ratio of all larger shares", () => {
    for (const [x, y, r] of [
      [18, 6, 0.5],
      [0, 40, 0.1],
      [3, 0, 0.25],
      [200, 150, 0.5],
    ] as const) {
      const ratio = (p: number) => Math.exp(x * Math.log(p / r) + y * Math.log((1 - p) / (1 - r)));
      const mean = integral((p) => ratio(Math.min(p, 1 - 1e-15)), r, 1) / (1 - r);
      near(
        rareEventGuardrail({ treatmentEvents: x, controlEvents: y, treatmentShare: r }).eValue,
        mean,
        1e-6,
      );
    }
  });

  it("of rare events has a mean of 1 if the treatment changes nothing", () => {
    const [n, r] = [12, 0.3];
    let mean = 0;
    let chance = (1 - r) ** n;
    for (let x = 0; x <= n; x++) {
      mean +=
        chance * rareEventGuardrail({ treatmentEvents: x, controlEvents: n - x, treatmentShare: r }).eValue;
      chance *= ((n - x) / (x + 1)) * (r / (1 - r));
    }
    near(mean, 1);
  });

  it("stays a number where E is none, and where the treatment does far better", () => {
    const worse = rareEventGuardrail({ treatmentEvents: 50_000, controlEvents: 0, treatmentShare: 0.5 });
    expect(worse.eValue).toBe(Infinity);
    expect(worse.logE).toBeCloseTo(50_000 * Math.LN2 - Math.log(50_001) + Math.LN2, 4);
    const better = rareEventGuardrail({ treatmentEvents: 0, controlEvents: 50_000, treatmentShare: 0.5 });
    expect(better.logE).toBeCloseTo(-Math.log(50_001), 6);
  });
});

describe("group-sequential bounds", () => {
  /** The probability to cross any bound, by midpoints of a fine even grid: another rule than the one under test. */
  function crossing(fractions: readonly number[], z: readonly number[]): number {
    let grid: readonly { at: number; mass: number }[] = [{ at: 0, mass: 1 }];
    for (const [look, t] of fractions.entries()) {
      const step = Math.sqrt(t - (fractions[look - 1] ?? 0));
      const bound = (z[look] ?? 0) * Math.sqrt(t);
      const width = (2 * bound) / 1200;
      const from = grid;
      grid = Array.from({ length: 1200 }, (_, i) => {
        const at = -bound + (i + 0.5) * width;
        const density = from.reduce(
          (sum, { at: before, mass }) => sum + mass * Math.exp(-(((at - before) / step) ** 2) / 2),
          0,
        );
        return { at, mass: (density * width) / (step * Math.sqrt(2 * Math.PI)) };
      });
    }
    return 1 - grid.reduce((sum, { mass }) => sum + mass, 0);
  }

  it.each([
    ["obrien-fleming", [0.3, 0.45, 0.9, 1], 0.05],
    ["pocock", [0.1, 0.15, 0.6, 1], 0.025],
    ["pocock", [0.5, 1], 0.1],
  ] as const)("%s at %j are crossed with probability alpha", (spending, fractions, level) => {
    const { z } = groupSequentialBounds({ fractions, alpha: level, spending });
    expect(Math.abs(crossing(fractions, z) - level)).toBeLessThan(1e-5);
  });

  it("spend less if the last look comes early", () => {
    const fractions = [0.2, 0.5, 0.8];
    const { z } = groupSequentialBounds({ fractions, alpha: 0.05, spending: "pocock" });
    const spent = 0.05 * Math.log(1 + (Math.E - 1) * 0.8);
    expect(Math.abs(crossing(fractions, z) - spent)).toBeLessThan(1e-5);
  });

  it("of one look are those of one test, and of many looks are numbers", () => {
    const [only] = groupSequentialBounds({ fractions: [1], alpha: 0.05, spending: "obrien-fleming" }).z;
    near(only ?? 0, -normalQuantile(0.025));
    const fractions = Array.from({ length: 60 }, (_, i) => (i + 1) / 60);
    const { z } = groupSequentialBounds({ fractions, alpha: 0.05, spending: "obrien-fleming" });
    for (const [look, bound] of z.entries()) expect(bound).toBeLessThan(z[look - 1] ?? Infinity);
  });
});

describe("many hypotheses", () => {
  const pValues = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 });

  it("Benjamini and Hochberg reject up to the last that passes, by brute force", () => {
    fc.assert(
      fc.property(pValues, alpha, (list, level) => {
        const passes = list.filter(
          (p) => p <= (level * list.filter((other) => other <= p).length) / list.length,
        );
        const threshold = Math.max(-1, ...passes);
        expect(benjaminiHochberg({ pValues: list, alpha: level }).rejected).toEqual(
          list.map((p) => Number(p <= threshold)),
        );
      }),
    );
  });

  it("e-values reject what their reciprocals would", () => {
    fc.assert(
      fc.property(pValues, alpha, (list, level) => {
        const eValues = list.map((p) => 1 / Math.max(p, 1e-3));
        const expected = benjaminiHochberg({ pValues: eValues.map((e) => 1 / e), alpha: level });
        expect(eBenjaminiHochberg({ eValues, alpha: level })).toEqual(expected);
      }),
    );
  });

  it("levels of a stream sum to alpha at most, and grow with discoveries", () => {
    // Javanmard's and Montanari's fall so slowly that most of the sum is still to come.
    for (const [gamma, least] of [
      ["power-1.6", 0.0999],
      ["javanmard-montanari", 0.04],
    ] as const) {
      let sum = 0;
      for (let index = 1; index <= 200_000; index++)
        sum += londLevel({ alpha: 0.1, gamma, index, discoveries: 0 });
      expect(sum).toBeLessThanOrEqual(0.1);
      expect(sum).toBeGreaterThan(least);
    }
    const { levels, rejected } = onlineFdr({ pValues: [0, 0.9, 0], alpha: 0.1, gamma: "power-1.6" });
    expect(rejected).toEqual([1, 0, 1]);
    expect(levels[1]).toBeCloseTo(
      2 * londLevel({ alpha: 0.1, gamma: "power-1.6", index: 2, discoveries: 0 }),
      12,
    );
  });
});
