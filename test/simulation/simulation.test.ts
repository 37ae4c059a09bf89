import { expect, onTestFinished, test } from "vitest";
import type { Fault } from "./faults.ts";
import { startRunner } from "./pool.ts";
import { mutated } from "./mutated.ts";
import { MUTANTS } from "./mutants.ts";
import { shrink } from "./shrink.ts";

test("a seed replays to the byte, and another seed is another history", async () => {
  const runner = await startRunner(null);
  onTestFinished(() => runner.close().then(() => undefined));
  const [first, again, other] = [
    await runner.run({ seed: 12 }),
    await runner.run({ seed: 12 }),
    await runner.run({ seed: 17 }),
  ];
  expect(again.historyHash).toBe(first.historyHash);
  expect(other.historyHash).not.toBe(first.historyHash);
  expect(first.violations).toEqual([]);
});

test("faults are thinned out to the few that are needed", async () => {
  const faults = Array.from({ length: 30 }, (_, atMs): Fault => ({ kind: "redis.wiped", atMs }));
  const needed = await shrink(faults, async (fewer) =>
    [3, 21].every((at) => fewer.some(({ atMs }) => atMs === at)),
  );
  expect(needed.map(({ atMs }) => atMs)).toEqual([3, 21]);
});

test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
  "the mistake is still there to be made: %s",
  (_name, mutant) => {
    expect(mutated(mutant).size).toBeGreaterThan(0);
  },
);
