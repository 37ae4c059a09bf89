import { availableParallelism } from "node:os";
import { MUTANTS } from "./mutants.ts";
import { inParallel, startRunner } from "./pool.ts";
import type { Simulated } from "./simulation.ts";

export type Catch = {
  readonly name: string;
  /** The first seed that shows the mistake, or null if none did. */
  readonly caught: { readonly seed: number; readonly guarantee: number; readonly what: string } | null;
};

/**
 * Runs seed after seed with each mistake until one breaks a guarantee. A seed counts only if it breaks none without the
 * mistake.
 */
export async function catchMutants(
  seeds: number,
  told: (result: Catch) => void,
  only: (name: string) => boolean = () => true,
): Promise<void> {
  const threads = availableParallelism();
  const sound = await startSound();
  const chosen = [...MUTANTS.entries()].filter(([, { name }]) => only(name));
  await inParallel(
    chosen.map(([index, { name }]) => async () => {
      const runner = await startRunner(index);
      let caught: Catch["caught"] = null;
      for (let seed = 1; seed <= seeds && caught === null; seed++) {
        const [first] = (await runner.run({ seed })).violations;
        if (first && (await sound.isSound(seed))) caught = { seed, ...first };
      }
      await runner.close();
      told({ name, caught });
    }),
    threads,
  );
  await sound.close();
}

/** Knows which seeds break no guarantee without any mistake; finds out about each once. */
async function startSound() {
  const runner = await startRunner(null);
  const runs = new Map<number, Promise<Simulated>>();
  let latest: Promise<unknown> = Promise.resolve();
  const run = (seed: number): Promise<Simulated> => {
    const known = runs.get(seed) ?? latest.then(() => runner.run({ seed }));
    runs.set(seed, known);
    latest = known;
    return known;
  };
  return {
    isSound: async (seed: number): Promise<boolean> => (await run(seed)).violations.length === 0,
    close: () => runner.close(),
  };
}
