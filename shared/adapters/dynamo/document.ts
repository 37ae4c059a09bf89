import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Commit } from "../../ports/record.ts";
import type { Key } from "./keys.ts";
import type { Item, Table } from "./table.ts";

/** How one kind of document becomes an item. */
type Shape<T> = {
  readonly schema: { parse(value: unknown): T };
  readonly keyOf: (document: T) => Key;
  /** Attributes beside the document's own: index keys, expiry, or a field in another form. */
  readonly attributes?: (document: T) => Item | Promise<Item>;
  /** Undoes what `attributes` did to the document's own fields. */
  readonly decode?: (item: Item) => Item;
};

/**
 * Documents that are replaced whole, each write conditional on the `rev` it replaces.
 *
 * The client repeats a write whose answer it did not get. If the first try was applied, its repetition meets
 * the rev that we wrote ourselves:
 *
 *     put rev 4 (if rev = 3)  -> applied, answer lost
 *     put rev 4 (if rev = 3)  -> refused: rev is 4
 *     read                    -> `w` is ours: written.  Not ours: another's, a conflict.
 *
 * `w` is drawn anew for each commit. If another commit came between the lost answer and the repetition, `w` is
 * that one's and the answer is a conflict, though our write was applied for a moment: a caller told of a
 * conflict always reads again, and finds its own change in what it reads.
 */
export function createDocuments<T extends { rev: number }>(table: Table, shape: Shape<T>) {
  const decode = (item: Item): T => shape.schema.parse(shape.decode?.(item) ?? item);
  const samePlace = (a: Key, b: Key) => a.pk === b.pk && a.sk === b.sk;

  const commit: Commit<T> = async (previous, next) => {
    const written = shape.schema.parse({ ...next, rev: (previous?.rev ?? 0) + 1 });
    const key = shape.keyOf(written);
    assert(
      previous === null || samePlace(shape.keyOf(previous), key),
      `a commit replaces one document by itself: ${key.pk}`,
    );
    const w = randomBytes(9).toString("base64url");
    const item = { ...written, ...(await shape.attributes?.(written)), ...key, w };
    const done = await table.put(
      item,
      previous === null
        ? { expression: "attribute_not_exists(pk)" }
        : { expression: "rev = :rev", values: { ":rev": previous.rev } },
    );
    return done || (await table.get(key))?.w === w ? decode(item) : null;
  };

  return {
    commit,
    decode,
    async get(key: Key): Promise<T | null> {
      const item = await table.get(key);
      return item === null ? null : decode(item);
    },
    /** Those that exist, in any order. */
    async getMany(keys: readonly Key[]): Promise<T[]> {
      const different = new Map(keys.map((key) => [`${key.pk} ${key.sk}`, key]));
      return (await table.getMany([...different.values()])).map(decode);
    },
  };
}
