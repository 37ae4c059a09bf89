/**
 * How many at once. Fewer than the tries of a commit that loses its race: though all change one document, each gets
 * its turn.
 */
const AT_ONCE = 8;

/** Does the same with many things, a few at a time, and answers in their order. The first error is thrown. */
export async function sideBySide<T, R>(
  things: readonly T[],
  act: (thing: T) => Promise<R>,
): Promise<Awaited<R>[]> {
  const results: Awaited<R>[] = [];
  for (let from = 0; from < things.length; from += AT_ONCE)
    results.push(...(await Promise.all(things.slice(from, from + AT_ONCE).map(act))));
  return results;
}
