/** Follows cursors to the end, or until `limit` entries are read. */
export async function readPages<T>(
  limit: number,
  readPage: (
    cursor: string | null,
  ) => Promise<{ readonly entries: readonly T[]; readonly cursor: string | null }>,
): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | null = null;
  do {
    const page = await readPage(cursor);
    all.push(...page.entries);
    cursor = page.cursor;
  } while (cursor !== null && all.length < limit);
  return all.slice(0, limit);
}

/** A path with those query parameters that have a value. */
export function withQuery(path: string, query: Readonly<Record<string, string | null | undefined>>): string {
  const given = Object.entries(query).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}
