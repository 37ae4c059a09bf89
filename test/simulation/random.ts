import { createRandom } from "../bench/random.ts";

/** Choices that depend on nothing but a seed and a name: one stream's use never shifts another's. */
export type Random = {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Whole numbers from `low` to `high`, both included. */
  between(low: number, high: number): number;
  /** From `low` to `high`, each order of magnitude as likely as another. */
  magnitude(low: number, high: number): number;
  chance(probability: number): boolean;
  /** Exponentially distributed with this mean. */
  after(meanMs: number): number;
  pick<T>(from: readonly T[]): T;
  /** So many of these, each at most once. */
  some<T>(from: readonly T[], count: number): T[];
  /** A stream of its own. */
  stream(name: string): Random;
};

/** FNV-1a, so that streams of one seed start far apart. */
function hashed(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

export function createChoices(seed: number, name = ""): Random {
  const uniform = createRandom((hashed(`${seed}/${name}`) ^ seed) >>> 0);
  const between = (low: number, high: number) => low + Math.floor(uniform() * (high - low + 1));
  const pick = <T>(from: readonly T[]): T => {
    if (from.length === 0) throw new Error("There is nothing to pick from.");
    return from[Math.floor(uniform() * from.length)] as T;
  };
  return {
    uniform,
    between,
    magnitude: (low, high) => low * (high / low) ** uniform(),
    chance: (probability) => uniform() < probability,
    after: (meanMs) => -Math.log(1 - uniform()) * meanMs,
    pick,
    some: (from, count) => {
      const rest = [...from];
      const chosen = [];
      while (rest.length > 0 && chosen.length < count)
        chosen.push(...rest.splice(Math.floor(uniform() * rest.length), 1));
      return chosen;
    },
    stream: (inner) => createChoices(seed, `${name}/${inner}`),
  };
}
