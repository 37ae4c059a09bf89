import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { mutated } from "../simulation/mutated.ts";
import { createDraws } from "../study/draws.ts";
import { pictures } from "../study/draw.ts";
import { atLeastPart, atLeastRate, atMostMean, atMostRate, medianAtMost } from "../study/judge.ts";
import { MUTANTS } from "../study/mutants.ts";

const FOLDER = path.resolve(import.meta.dirname, "../../docs/experiments");

it("the pictures of docs/EXPERIMENTS.md are what the engine does: npm run study -- --draw docs/experiments", () => {
  for (const [name, svg] of pictures()) expect(readFileSync(path.join(FOLDER, name), "utf8")).toBe(svg);
});

it.each(MUTANTS)("$name: the mistake has its place in the code", (mutant) => {
  expect(mutated(mutant).size).toBe(1);
});

it("a repetition draws the same whatever is run beside it", () => {
  const drawn = () => {
    const draws = createDraws("a row", 7);
    return [draws.uniform(), draws.normal(), draws.binomial(50, 0.3), draws.binomial(5_000, 0.3)];
  };
  expect(drawn()).toEqual(drawn());
  expect(createDraws("a row", 8).uniform()).not.toBe(createDraws("a row", 7).uniform());
  expect(createDraws("another", 7).uniform()).not.toBe(createDraws("a row", 7).uniform());
});

const ones = (count: number, of: number): number[] =>
  Array.from({ length: of }, (_, i) => (i < count ? 1 : 0));

it("a property fails only if chance would hardly show it", () => {
  expect(atMostRate(ones(7, 100), 0.05)).toMatchObject({ value: 0.07, pass: true });
  expect(atMostRate(ones(20, 100), 0.05)).toMatchObject({ pass: false });
  expect(atMostRate(ones(1, 100), 0)).toMatchObject({ pass: false });
  expect(atMostRate(ones(100, 2_000), 0.05).upper).toBeCloseTo(0.0588, 3);
  expect(atLeastRate(ones(92, 100), 0.95)).toMatchObject({ pass: true });
  expect(atLeastRate(ones(80, 100), 0.95)).toMatchObject({ pass: false });
  expect(medianAtMost([1, 2, 3, Infinity, Infinity], 3)).toMatchObject({ value: 3, pass: true });
  expect(medianAtMost(Array<number>(30).fill(9), 3)).toMatchObject({ value: 9, pass: false });
  expect(atMostMean([0.1, 0.12, 0.09, 0.11], 0.1)).toMatchObject({ pass: true });
  expect(atMostMean([0.5, 0.52, 0.49, 0.51], 0.1)).toMatchObject({ pass: false });
  expect(atLeastPart(ones(88, 100), ones(95, 100), 0.92)).toMatchObject({ pass: true });
  expect(atLeastPart(ones(40, 100), ones(95, 100), 0.92)).toMatchObject({ pass: false });
});
