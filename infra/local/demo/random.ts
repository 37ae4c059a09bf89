/** Choices that depend on nothing but the seed and on how many were made before. */
export type Random = {
  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number;
  /** One of them. Throws if there is none. */
  pick<T>(choices: readonly T[]): T;
  /** The same ones in another order. */
  shuffle<T>(list: readonly T[]): T[];
};

const WORD = 2 ** 32;
/** The step of a Weyl sequence: odd, and close to 2^32 divided by the golden ratio. */
const STEP = 0x9e3779b9;

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + STEP) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / WORD;
  };
  const between = (from: number, to: number) => from + Math.floor(fraction() * (to - from + 1));
  const pick = <T>(choices: readonly T[]): T => {
    const choice = choices[between(0, choices.length - 1)];
    if (choice === undefined) throw new Error("Nothing to choose from: this is a bug of the demo.");
    return choice;
  };
  return {
    between,
    pick,
    shuffle(list) {
      const left = [...list];
      return list.map(() => {
        const [taken] = left.splice(between(0, left.length - 1), 1);
        return taken as (typeof left)[number];
      });
    },
  };
}
