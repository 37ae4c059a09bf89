/**
 * How many at once. Fewer than the tries of a commit that loses its race: though all change one document, each gets
 * its turn.
 */
const AT_ONCE = 16;

/**
 * Does the same with many things, a few at a time, and answers in their order. One that takes long holds up no other. The
 * first error is thrown, and nothing more is begun.
 */
export async function sideBySide<T, R>(
  things: readonly T[],
  act: (thing: T) => Promise<R>,
): Promise<Awaited<R>[]> {
  const results: Awaited<R>[] = [];
  const left = [...things.entries()].reverse();
  const lane = async () => {
    for (let next = left.pop(); next; next = left.pop()) {
      const [place, thing] = next;
      try {
        results[place] = await act(thing);
      } catch (error) {
        left.length = 0;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return results;
}
