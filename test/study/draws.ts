import { createChoices } from "../simulation/random.ts";

/** Random numbers of a repetition: the same for the same row and repetition, whatever else is run. */
export type Draws = {
  uniform(): number;
  /** How many of n happen, each with this chance. */
  binomial(n: number, chance: number): number;
  normal(): number;
};

/** Above, a normal approximation is as good as needed and much faster than n draws. */
const EXACT_LIMIT = 256;

export function createDraws(row: string, repetition: number): Draws {
  const { uniform } = createChoices(repetition, row);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return {
    uniform,
    normal,
    binomial(n, chance) {
      if (n > EXACT_LIMIT) {
        const drawn = Math.round(n * chance + Math.sqrt(n * chance * (1 - chance)) * normal());
        return Math.min(n, Math.max(0, drawn));
      }
      let count = 0;
      for (let i = 0; i < n; i++) if (uniform() < chance) count += 1;
      return count;
    },
  };
}
