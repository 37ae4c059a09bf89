/** A session as the balancer sees it: how many tasks it holds, and which of them only wait. */
export type Loaded = {
  readonly session: string;
  readonly capacity: number;
  readonly load: number;
  /** What it can take, as words. */
  readonly offers: readonly string[];
  /** Those that may be moved. */
  readonly waiting: readonly { readonly task: string; readonly demands: readonly string[] }[];
  /** How long it takes for a task, in any unit that is the same for all; 1 if nothing is known, and by its load alone. */
  readonly pace?: number;
};
export type PlannedMove = { readonly task: string; readonly from: string; readonly to: string };

/** Loads that differ by more than this are out of balance. */
export const BALANCED_SPREAD = 1;
/** A task that was moved stays where it is for so long, so that it is not moved to and fro. Milliseconds. */
export const MOVED_REST_MS = 60_000;
/**
 * By pace, a move must shorten the task's expected finish by so much: what is known of a pace is not certain, and a move
 * costs writes.
 */
const PACE_MARGIN = 1.25;

/**
 * Moves of waiting assignments, one at a time to where they would be done soonest, until nothing that can move would help: with
 * equal paces, until no two loads differ by more than one. At most `limit` moves.
 */
export function planMoves(sessions: readonly Loaded[], limit: number): PlannedMove[] {
  const loads = new Map(sessions.map(({ session, load }) => [session, load]));
  const waiting = new Map(sessions.map(({ session, waiting: tasks }) => [session, [...tasks]]));
  const loadOf = (session: string) => loads.get(session) ?? 0;
  const margin = sessions.some(({ pace = 1 }) => pace !== 1) ? PACE_MARGIN : 1;
  const finishOf = ({ session, pace = 1 }: Loaded, more: number) => pace * (loadOf(session) + more);
  const moves: PlannedMove[] = [];
  while (moves.length < limit) {
    const byFinish = (more: number) =>
      sessions.toSorted((a, b) => finishOf(a, more) - finishOf(b, more) || (a.session < b.session ? -1 : 1));
    const improves = (from: Loaded, to: Loaded) => finishOf(from, 0) > margin * finishOf(to, 1);
    const givers = byFinish(0).toReversed();
    // By when they would be done with one more: a slow session that holds nothing may be the worse place.
    const takers = byFinish(1).filter(({ session, capacity }) => loadOf(session) < capacity);
    const move = findMove(givers, takers, improves, waiting);
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
  givers: readonly Loaded[],
  takers: readonly Loaded[],
  improves: (from: Loaded, to: Loaded) => boolean,
  waiting: ReadonlyMap<string, Loaded["waiting"]>,
): PlannedMove | null {
  for (const from of givers) {
    const movable = waiting.get(from.session) ?? [];
    if (movable.length === 0) continue;
    for (const to of takers) {
      // The next ones are worse.
      if (!improves(from, to)) break;
      const task = movable.find(({ demands }) => demands.every((demand) => to.offers.includes(demand)));
      if (task) return { task: task.task, from: from.session, to: to.session };
    }
  }
  return null;
}
