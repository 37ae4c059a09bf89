/** A session as the balancer sees it: how many tasks it holds, and which of them only wait. */
export type Loaded = {
  readonly session: string;
  readonly capacity: number;
  readonly load: number;
  readonly waiting: readonly { readonly task: string; readonly requires: readonly string[] }[];
  readonly capabilities: readonly string[];
};
export type PlannedMove = { readonly task: string; readonly from: string; readonly to: string };

/** Loads that differ by more than this are out of balance. */
export const BALANCED_SPREAD = 1;

/**
 * Moves of waiting assignments, one at a time from the most to the least loaded that can take it, until no two
 * loads differ by more than one or nothing that can move would help. At most `limit` moves.
 */
export function planMoves(sessions: readonly Loaded[], limit: number): PlannedMove[] {
  const loads = new Map(sessions.map(({ session, load }) => [session, load]));
  const waiting = new Map(sessions.map(({ session, waiting: tasks }) => [session, [...tasks]]));
  const moves: PlannedMove[] = [];
  const loadOf = (session: string) => loads.get(session) ?? 0;
  while (moves.length < limit) {
    const byLoad = [...sessions].sort(
      (a, b) => loadOf(a.session) - loadOf(b.session) || (a.session < b.session ? -1 : 1),
    );
    const move = findMove(byLoad, loadOf, waiting);
    if (!move) return moves;
    loads.set(move.from, loadOf(move.from) - 1);
    loads.set(move.to, loadOf(move.to) + 1);
    waiting.set(
      move.from,
      (waiting.get(move.from) ?? []).filter(({ task }) => task !== move.task),
    );
    moves.push(move);
  }
  return moves;
}

function findMove(
  byLoad: readonly Loaded[],
  loadOf: (session: string) => number,
  waiting: ReadonlyMap<string, Loaded["waiting"]>,
): PlannedMove | null {
  for (const from of byLoad.toReversed()) {
    for (const to of byLoad) {
      if (loadOf(from.session) - loadOf(to.session) <= BALANCED_SPREAD) break;
      if (loadOf(to.session) >= to.capacity) continue;
      const movable = waiting
        .get(from.session)
        ?.find(({ requires }) => requires.every((r) => to.capabilities.includes(r)));
      if (movable) return { task: movable.task, from: from.session, to: to.session };
    }
  }
  return null;
}
