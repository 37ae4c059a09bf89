import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { METHODS, answer, isMethodName } from "../../shared/domain/statistics/methods.ts";
import { PUBLISHED, type Sample } from "../fixtures/published-statistics.ts";

const SAMPLES = JSON.parse(
  readFileSync(path.join(import.meta.dirname, "../fixtures/statistics-samples.json"), "utf8"),
) as Sample[];

function ask(method: string, input: unknown): Record<string, unknown> {
  if (!isMethodName(method)) throw new Error(`There is no method ${method}.`);
  const answered = answer(method, input);
  if (answered.kind === "refused") throw new Error(answered.problems.join("; "));
  return answered.result as Record<string, unknown>;
}

/** Every number of a value, in order. */
const numbers = (value: unknown): number[] =>
  Array.isArray(value) ? value.flatMap(numbers) : [value as number];

const ARM = { kind: "mean", n: 10, sum: 20, sumSquares: 60 };
const COMPARED = { control: ARM, treatment: ARM, alpha: 0.05, scale: "absolute", side: "two" };

describe("published values", () => {
  it.each([...SAMPLES, ...PUBLISHED].map((sample) => [sample.id, sample] as const))(
    "%s",
    (_id, { method, input, expected, tolerance }) => {
      const result = ask(method, input);
      for (const [field, value] of Object.entries(expected)) {
        const wanted = numbers(value);
        const got = numbers(result[field]);
        expect(got, field).toHaveLength(wanted.length);
        for (const [i, number] of wanted.entries())
          expect(Math.abs((got[i] ?? NaN) - number), `${field}[${i}]: ${got[i]}`).toBeLessThanOrEqual(
            tolerance,
          );
      }
    },
  );

  it("exist for every method", () => {
    const sampled = new Set(SAMPLES.map(({ method }) => method));
    expect(Object.keys(METHODS).filter((name) => !sampled.has(name))).toEqual([]);
  });
});

describe("a question that has no answer is refused, with the place of what is wrong", () => {
  it.each([
    ["compareMeans", { ...COMPARED, alpha: 1 }, "alpha"],
    ["compareMeans", { ...COMPARED, control: { ...ARM, n: -1 } }, "control.n"],
    ["compareMeans", { ...COMPARED, control: { ...ARM, n: 2.5 } }, "control.n"],
    ["compareMeans", { ...COMPARED, control: { kind: "proportion", n: 3, sum: 4 } }, "control"],
    ["compareMeans", { ...COMPARED, control: { ...ARM, sumProduct: 1 } }, "control"],
    [
      "compareMeans",
      { ...COMPARED, control: { ...ARM, covariate: { sum: 1, sumSquares: 1, sumProducts: 1 } } },
      "",
    ],
    ["confidenceSequence", { ...COMPARED, alpha: 0.5, side: "less", tuningSampleSize: 9 }, ""],
    ["confidenceSequence", { ...COMPARED, tuningSampleSize: 0 }, "tuningSampleSize"],
    ["posterior", { successes: 2, n: 1, prior: [1, 1], level: 0.9 }, ""],
    ["posterior", { successes: 1, n: 1, prior: [0, 1], level: 0.9 }, "prior.0"],
    ["probabilityToBeat", { control: [2, 1], treatment: [1, 1], prior: [1, 1] }, "control"],
    ["sampleSize", { kind: "proportion", control: 0.5, treatment: 0.5, alpha: 0.05, power: 0.8 }, ""],
    ["sampleSize", { kind: "mean", effect: 0, sd: 1, alpha: 0.05, power: 0.8 }, ""],
    ["power", { kind: "proportion", control: 1, treatment: 1, alpha: 0.05, perArm: 5 }, ""],
    ["sampleRatio", { counts: [1, 2, 3], weights: [1, 1] }, ""],
    ["sampleRatio", { counts: [1, 2], weights: [1, 0] }, "weights.1"],
    ["groupSequentialBounds", { fractions: [0.5, 0.5], alpha: 0.05, spending: "pocock" }, "fractions"],
    ["groupSequentialBounds", { fractions: [0.5, 1.1], alpha: 0.05, spending: "pocock" }, "fractions.1"],
    ["onlineFdr", { pValues: [1.1], alpha: 0.05, gamma: "power-1.6" }, "pValues.0"],
    ["quantile", { distribution: "t", p: 0.5 }, "degreesOfFreedom"],
    ["quantile", { distribution: "cauchy", p: 0.5 }, "distribution"],
  ] as const)("%s %j", (method, input, place) => {
    const answered = answer(method, input);
    expect(answered.kind).toBe("refused");
    const problems = answered.kind === "refused" ? answered.problems : [];
    if (place === "") expect(problems.join()).not.toBe("");
    else expect(problems.some((problem) => problem.startsWith(`${place}: `))).toBe(true);
  });

  it("and no method is named like what every object has", () => {
    expect(isMethodName("toString")).toBe(false);
  });
});

describe("too little data is an answer", () => {
  const none = { kind: "mean", n: 0, sum: 0, sumSquares: 0 };
  const one = { kind: "mean", n: 1, sum: 3, sumSquares: 9 };
  const alike = { kind: "proportion", n: 50, sum: 0 };
  const all = { kind: "proportion", n: 50, sum: 50 };
  const covariate = { sum: 0, sumSquares: 0, sumProducts: 0 };
  const half = { kind: "proportion", n: 1, sum: 0.5 };
  const cases = [
    [half, half],
    [none, none],
    [one, one],
    [ARM, one],
    [ARM, none],
    [alike, all],
    [all, all],
    [
      { ...none, covariate },
      { ...ARM, covariate: { sum: 5, sumSquares: 30, sumProducts: 12 } },
    ],
    [
      { ...one, covariate: { sum: 1, sumSquares: 1, sumProducts: 3 } },
      { ...one, covariate: { sum: 2, sumSquares: 4, sumProducts: 6 } },
    ],
  ];

  it.each(
    cases.flatMap((arms) => (["absolute", "relative"] as const).map((scale) => [scale, arms] as const)),
  )("%s: two arms %j say nothing, and it is no NaN", (scale, [control, treatment]) => {
    for (const side of ["two", "greater", "less"]) {
      const input = { control, treatment, alpha: 0.05, scale, side };
      const test = ask("compareMeans", input);
      const sequence = ask("confidenceSequence", { ...input, tuningSampleSize: 100 });
      for (const result of [test, sequence]) {
        expect(result["standardError"]).toBe(Infinity);
        expect(result["pValue"]).toBe(1);
        expect(result["estimate"]).not.toBeNaN();
        const bounds = { two: [-Infinity, Infinity], greater: -Infinity, less: Infinity }[side];
        expect(result["interval"] ?? result["lower"] ?? result["upper"]).toEqual(bounds);
      }
      expect(sequence["logE"]).toBe(0);
    }
  });

  it("also if the sums are of no values at all, which a variance below 0 shows", () => {
    const control = { kind: "mean", n: 101, sum: 202, sumSquares: 504 };
    const treatment = { kind: "mean", n: 101, sum: 20.2, sumSquares: 104.04 };
    const impossible = { sum: 0, sumSquares: 10, sumProducts: 45 };
    const input = {
      control: { ...control, covariate: impossible },
      treatment: { ...treatment, covariate: { ...impossible, sumProducts: 0 } },
      scale: "relative",
    };
    const result = ask("compareMeans", { ...input, alpha: 0.05, side: "two" });
    expect(result["standardError"]).toBe(Infinity);
    expect(result["pValue"]).toBe(1);
  });

  it("also for ratios, sample ratios and guardrails", () => {
    const sums = { sum: 3, sumSquares: 9 };
    const nothing = { sum: 0, sumSquares: 0 };
    const ratio = (n: number, denominator: object) =>
      ask("ratio", { n, numerator: sums, denominator, sumProducts: 9 });
    expect(ratio(0, nothing)).toEqual({ estimate: 0, standardError: Infinity });
    expect(ratio(5, nothing)).toEqual({ estimate: 0, standardError: Infinity });
    expect(ratio(1, sums)).toEqual({ estimate: 1, standardError: Infinity });
    expect(ask("sampleRatio", { counts: [0, 0], weights: [1, 1] })).toEqual({
      chiSquare: 0,
      pValue: 1,
      expectedTooSmall: true,
    });
    const counts = { counts: [0, 0, 0], weights: [1, 2, 3], concentration: 100 };
    expect(ask("sequentialSampleRatio", counts)["logE"]).toBeCloseTo(0, 12);
    const guardrail = ask("rareEventGuardrail", {
      treatmentEvents: 0,
      controlEvents: 0,
      treatmentShare: 0.1,
    });
    expect(guardrail["logE"]).toBeCloseTo(0, 12);
  });
});
