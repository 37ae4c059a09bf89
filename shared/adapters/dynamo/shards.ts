import assert from "node:assert/strict";
import type { Page } from "../../ports/record.ts";

/** Reads up to `limit` entries of one shard that come after `after`, in order. */
export type ReadShard<T> = (shard: number, after: string | null, limit: number) => Promise<T[]>;

/** A cursor names the shard and the entry after which the next page begins. */
function parseCursor(cursor: string, shards: number): { shard: number; after: string } {
  const [, digits, after] = /^(\d+)\.(.+)$/s.exec(cursor) ?? [];
  assert(digits !== undefined && after !== undefined && Number(digits) < shards, `not a cursor: ${cursor}`);
  return { shard: Number(digits), after };
}

/**
 * One page of a list spread over shards, shard after shard. Reads one entry more than it returns, so that the
 * last page says it is the last. The other shards are asked only when the first does not fill the page, and
 * then all at once: a short list takes two round trips, a long one reads little in vain.
 */
export async function readPage<T>(
  shards: number,
  placeOf: (entry: T) => string,
  read: ReadShard<T>,
  cursor: string | null,
  limit: number,
): Promise<Page<T>> {
  assert(limit >= 1, `a page has at least one entry, not ${limit}`);
  const start = cursor === null ? { shard: 0, after: null } : parseCursor(cursor, shards);
  const entries = (shard: number, found: T[]) => found.map((entry) => ({ shard, entry }));

  const found = entries(start.shard, await read(start.shard, start.after, limit + 1));
  const missing = limit + 1 - found.length;
  if (missing > 0) {
    const later = Array.from({ length: shards - start.shard - 1 }, (_, index) => start.shard + 1 + index);
    const more = await Promise.all(
      later.map(async (shard) => entries(shard, await read(shard, null, missing))),
    );
    found.push(...more.flat());
  }

  const page = found.slice(0, limit);
  const last = page.at(-1);
  const items = page.map(({ entry }) => entry);
  if (found.length <= limit || last === undefined) return { items, cursor: null };
  return { items, cursor: `${last.shard}.${placeOf(last.entry)}` };
}
