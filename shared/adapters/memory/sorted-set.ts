export type Scored = { readonly member: string; readonly score: number };

export type SortedSet = {
  score(member: string): number | null;
  /** Adds the member or moves it. */
  set(member: string, score: number): void;
  remove(member: string): boolean;
  /** The first entries with at most this score. */
  first(limit: number, maxScore?: number): readonly Scored[];
  /** Drops all but the first entries. */
  keepFirst(limit: number): void;
  size(): number;
  copy(): SortedSet;
};

const NONE: readonly Scored[] = [];

/**
 * Members ordered by score, then by their text, as Redis orders them. Deadlines move all the time and are hardly ever
 * looked at before they pass: so a member that moves leaves the order stale until somebody asks for what it might hide.
 */
export function createSortedSet(from: Iterable<readonly [member: string, score: number]> = []): SortedSet {
  const scores = new Map(from);
  let order: Scored[] | null = null;
  /** No score is lower. */
  let leastScore = -Infinity;

  function ordered(): Scored[] {
    if (order) return order;
    order = Array.from(scores, ([member, score]) => ({ member, score })).sort((a, b) =>
      isBefore(a, b) ? -1 : 1,
    );
    leastScore = order[0]?.score ?? Infinity;
    return order;
  }

  function remove(member: string): boolean {
    const score = scores.get(member);
    if (score === undefined) return false;
    scores.delete(member);
    order?.splice(placeOf(order, { member, score }), 1);
    return true;
  }

  return {
    score: (member) => scores.get(member) ?? null,
    set(member, score) {
      const before = scores.get(member);
      if (before === score) return;
      scores.set(member, score);
      if (score < leastScore) leastScore = score;
      if (before !== undefined) order = null;
      else order?.splice(placeOf(order, { member, score }), 0, { member, score });
    },
    remove,
    first(limit, maxScore = Infinity) {
      if (maxScore < leastScore) return NONE;
      const entries = ordered();
      let count = 0;
      while (count < limit && count < entries.length && (entries[count] as Scored).score <= maxScore)
        count += 1;
      return entries.slice(0, count);
    },
    keepFirst(limit) {
      if (scores.size <= limit) return;
      for (const { member } of ordered().splice(limit)) scores.delete(member);
    },
    size: () => scores.size,
    copy: () => createSortedSet(scores),
  };
}

/** Index of the first entry that does not come before `sought`. */
function placeOf(entries: readonly Scored[], sought: Scored): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = entries[middle];
    if (entry !== undefined && isBefore(entry, sought)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isBefore(a: Scored, b: Scored): boolean {
  return a.score < b.score || (a.score === b.score && a.member < b.member);
}
