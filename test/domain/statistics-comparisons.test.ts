import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Arm, meanOf, varianceOf } from "../../shared/domain/statistics/arm.ts";
import { compareMeans } from "../../shared/domain/statistics/compare-means.ts";
import { sequence, tuning } from "../../shared/domain/statistics/confidence-sequence.ts";
import { difference } from "../../shared/domain/statistics/difference.ts";
import {
  logBetaCdf,
  logScaledNormalCdf,
  noncentralTSurvival,
  normalCdf,
  normalQuantile,
  tCdf,
} from "../../shared/domain/statistics/distributions.ts";
import { armOf } from "../../shared/domain/statistics/raw-values.ts";
import { integral, near } from "../fixtures/numerics.ts";

const values = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 3, maxLength: 30 });
/** Values that differ, by more than rounding. */
const arm = values.map((list) => armOf([...list, 60, -60]));
const alpha = fc.double({ min: 0.001, max: 0.4, noNaN: true });
const side = fc.constantFrom("two" as const, "greater" as const, "less" as const);
const intervalOf = (answer: object) => (answer as { interval: readonly [number, number] }).interval;

describe("distributions keep their digits where 1 - CDF has none left", () => {
  it("quantiles undo tails down to 1e-300", () => {
    for (const p of [1e-300, 1e-100, 1e-17, 1e-12, 0.001, 0.3, 0.5])
      near(normalCdf(normalQuantile(p)) / p, 1);
    near(normalQuantile(0.999), -normalQuantile(0.001), 1e-12);
  });

  it("a log tail goes on below the smallest number", () => {
    // 50-digit arithmetic, by mpmath.
    near(logBetaCdf(0.02, 300, 20), -1104.337441133218, 1e-12);
    near(logBetaCdf(0.1, 3000, 20), -6796.912128935892, 1e-12);
    near(logBetaCdf(0.3, 2, 5), Math.log(0.579825), 1e-9);
    expect(logBetaCdf(0, 2, 5)).toBe(-Infinity);
    near(logScaledNormalCdf(-40) - 800, -804.6084420137538, 1e-12);
    near(logScaledNormalCdf(2), Math.log(normalCdf(2)) + 2, 1e-12);
  });

  it("the noncentral t without noncentrality is Student's", () => {
    for (const df of [2, 7.5, 1e3, 1e6])
      for (const x of [0, 0.7, 3, 12]) near(noncentralTSurvival(x, df, 0), tCdf(-x, df), 1e-10);
  });
});

describe("a comparison of means", () => {
  it("of swapped arms says the opposite", () => {
    fc.assert(
      fc.property(arm, arm, alpha, (a, b, level) => {
        const question = { alpha: level, scale: "absolute", side: "two" } as const;
        const one = compareMeans({ control: a, treatment: b, ...question });
        const other = compareMeans({ control: b, treatment: a, ...question });
        near(one.estimate, -other.estimate);
        near(one.pValue, other.pValue);
        near(intervalOf(one)[0], -intervalOf(other)[1]);
      }),
    );
  });

  it("excludes 0 exactly if its p-value is below alpha, on all sides", () => {
    fc.assert(
      fc.property(arm, arm, alpha, side, (control, treatment, level, which) => {
        const answer = compareMeans({ control, treatment, alpha: level, scale: "absolute", side: which });
        fc.pre(Math.abs(answer.pValue - level) > 1e-9);
        const excludes =
          "interval" in answer
            ? answer.interval[0] > 0 || answer.interval[1] < 0
            : "lower" in answer
              ? answer.lower > 0
              : answer.upper < 0;
        expect(excludes).toBe(answer.pValue < level);
      }),
    );
  });

  it("with a covariate is one of values from which its part was taken", () => {
    const pairs = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 1 }), fc.double({ min: 0, max: 9, noNaN: true })),
      {
        minLength: 5,
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(pairs, pairs, fc.constantFrom("mean", "proportion"), (one, other, kind) => {
        const fixed = [
          [0, 1],
          [1, 7],
        ] as const;
        const groups = [
          [...one, ...fixed],
          [...other, ...fixed],
        ];
        const armWith = (pairs: (readonly [number, number])[]): Arm => ({
          kind: kind as "mean",
          n: pairs.length,
          sum: pairs.reduce((sum, [y]) => sum + y, 0),
          sumSquares: pairs.reduce((sum, [y]) => sum + y * y, 0),
          covariate: {
            sum: pairs.reduce((sum, [, x]) => sum + x, 0),
            sumSquares: pairs.reduce((sum, [, x]) => sum + x * x, 0),
            sumProducts: pairs.reduce((sum, [y, x]) => sum + x * y, 0),
          },
        });
        const all = groups.flat();
        const mean = (of: (pair: readonly [number, number]) => number) =>
          all.reduce((sum, pair) => sum + of(pair), 0) / all.length;
        const [meanY, meanX] = [mean(([y]) => y), mean(([, x]) => x)];
        const theta = mean(([y, x]) => (y - meanY) * (x - meanX)) / mean(([, x]) => (x - meanX) ** 2);
        const [control, treatment] = groups.map((group) => armOf(group.map(([y, x]) => y - theta * x)));
        if (!control || !treatment) throw new Error("There are two groups.");
        const share = kind === "mean" ? 1 : (n: number) => (n - 1) / n;
        const part = (one: Arm) => (varianceOf(one) / one.n) * (typeof share === "number" ? 1 : share(one.n));
        const variance = part(control) + part(treatment);
        fc.pre(variance > 1e-6);
        const got = difference(armWith(groups[0] ?? []), armWith(groups[1] ?? []), "absolute");
        near(got.estimate, meanOf(treatment) - meanOf(control), 1e-8);
        near(got.standardError, Math.sqrt(variance), 1e-8);
      }),
    );
  });

  it("relative to the control has the error that small changes of all means make", () => {
    for (const sign of [1, -1]) {
      // The covariate has the same mean in both arms, as it has but for chance.
      const armOfSums = (n: number, sum: number, sumSquares: number) => ({
        ...({ kind: "mean", n, sum: sign * sum, sumSquares } as const),
        covariate: { sum: 0.75 * n, sumSquares: 2 * n, sumProducts: sign * 2.2 * n },
      });
      const [control, treatment] = [armOfSums(40, 90, 300), armOfSums(50, 60, 220)];
      // Of a mean outcome y, a mean covariate x, and their variances and covariance.
      const momentsOf = ({ n, sum, sumSquares, covariate: x }: typeof control) => ({
        at: [sum / n, x.sum / n] as const,
        yy: (sumSquares - sum ** 2 / n) / (n - 1) / n,
        xx: (x.sumSquares - x.sum ** 2 / n) / (n - 1) / n,
        xy: (x.sumProducts - (x.sum * sum) / n) / (n - 1) / n,
      });
      const [c, t] = [momentsOf(control), momentsOf(treatment)];
      const theta = (sign * (2.2 * 90 - 0.75 * 150)) / (2 * 90 - 0.75 ** 2 * 90);
      const lift = (yc: number, xc: number, yt: number, xt: number) =>
        (yt - theta * xt - (yc - theta * xc)) / Math.abs(yc);
      const h = 1e-5;
      const slope = (i: number) => {
        const moved = (by: number) => [...c.at, ...t.at].map((mean, at) => (at === i ? mean + by : mean));
        const of = (by: number) => lift(...(moved(by) as [number, number, number, number]));
        return (of(h) - of(-h)) / (2 * h);
      };
      const part = ({ yy, xx, xy }: typeof c, y: number, x: number) =>
        y * y * yy + x * x * xx + 2 * x * y * xy;
      const variance = part(c, slope(0), slope(1)) + part(t, slope(2), slope(3));
      const got = difference(control, treatment, "relative");
      near(got.estimate, lift(...c.at, ...t.at));
      near(got.standardError, Math.sqrt(variance), 1e-8);
    }
  });
});

describe("a confidence sequence", () => {
  const state = fc.record({
    estimate: fc.double({ min: -5, max: 5, noNaN: true }),
    standardError: fc.double({ min: 0.01, max: 2, noNaN: true }),
    n: fc.integer({ min: 4, max: 100_000 }),
    alpha,
    tuningSampleSize: fc.integer({ min: 10, max: 10_000 }),
  });

  it("is wider than an interval for one look", () => {
    fc.assert(
      fc.property(state, side, (question, which) => {
        const fixed = -normalQuantile(which === "two" ? question.alpha / 2 : question.alpha);
        expect(sequence({ ...question, side: which }).halfWidth).toBeGreaterThan(
          fixed * question.standardError,
        );
      }),
    );
  });

  it("excludes 0 exactly if its p-value is below alpha, and p is no less than 1 / E", () => {
    fc.assert(
      fc.property(state, side, (question, which) => {
        const { halfWidth, pValue, logE } = sequence({ ...question, side: which });
        fc.pre(Math.abs(pValue - question.alpha) > 1e-9);
        const effect =
          which === "two"
            ? Math.abs(question.estimate)
            : which === "less"
              ? -question.estimate
              : question.estimate;
        expect(effect > halfWidth).toBe(pValue < question.alpha);
        expect(pValue).toBeGreaterThanOrEqual(Math.min(1, Math.exp(-logE)) * (1 - 1e-9));
      }),
    );
  });

  it("has as evidence the likelihood ratio against effects that are drawn from a normal, or half of one", () => {
    const [estimate, standardError, n, level, tuned] = [0.4, 0.2, 900, 0.05, 500];
    const question = { estimate, standardError, n, alpha: level, tuningSampleSize: tuned };
    const z = estimate / standardError;
    for (const [which, rho2, from] of [
      ["two", tuning(level, tuned), -9],
      ["greater", tuning(2 * level, tuned), 0],
      ["less", tuning(2 * level, tuned), 0],
    ] as const) {
      const spread = Math.sqrt(n * rho2);
      const density = (u: number) => Math.exp((-u * u) / 2) / Math.sqrt(2 * Math.PI) / (from === 0 ? 0.5 : 1);
      const along = which === "less" ? -z : z;
      const ratio = (u: number) => Math.exp(spread * u * along - (spread * u) ** 2 / 2);
      near(
        sequence({ ...question, side: which }).logE,
        Math.log(integral((u) => density(u) * ratio(u), from, 9)),
        1e-8,
      );
    }
  });

  it("does not overflow", () => {
    const question = { estimate: 1e6, standardError: 1e-3, n: 1e6, alpha: 0.05, tuningSampleSize: 100 };
    for (const which of ["two", "greater"] as const) {
      const { logE, pValue } = sequence({ ...question, side: which });
      expect(logE).toBeGreaterThan(1e17);
      expect(pValue).toBe(0);
    }
    const wrongWay = sequence({ ...question, side: "less" });
    expect(wrongWay.pValue).toBe(1);
    expect(wrongWay.logE).toBeGreaterThan(-50);
  });
});
