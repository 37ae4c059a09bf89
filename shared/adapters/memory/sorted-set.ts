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

/** Members ordered by score, then by their text, as Redis orders them. */
export function createSortedSet(from: readonly Scored[] = []): SortedSet {
  const entries = [...from];
  const scores = new Map(entries.map(({ member, score }) => [member, score]));

  function remove(member: string): boolean {
    const score = scores.get(member);
    if (score === undefined) return false;
    scores.delete(member);
    entries.splice(placeOf(entries, { member, score }), 1);
    return true;
  }

  return {
    score: (member) => scores.get(member) ?? null,
    set(member, score) {
      remove(member);
      scores.set(member, score);
      entries.splice(placeOf(entries, { member, score }), 0, { member, score });
    },
    remove,
    first(limit, maxScore = Infinity) {
      const found = [];
      for (const entry of entries) {
        if (found.length >= limit || entry.score > maxScore) break;
        found.push(entry);
      }
      return found;
    },
    keepFirst(limit) {
      for (const { member } of entries.splice(limit)) scores.delete(member);
    },
    size: () => entries.length,
    copy: () => createSortedSet(entries),
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
