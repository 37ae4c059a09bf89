import assert from "node:assert/strict";
import type { Commit } from "../../ports/record.ts";
import { deepFrozen } from "./deep-frozen.ts";

/** How one kind of document is checked, named and noticed by the listings it belongs to. */
type Shape<T> = {
  readonly schema: { parse(value: unknown): T };
  readonly keyOf: (document: T) => string;
  /** Called after a document was written, with what stands there now. */
  readonly written?: (document: T) => void;
};

/**
 * Documents of one kind by key, in the order of their creation. They are handed out as they are stored and frozen,
 * so that a read copies nothing: simulations read millions.
 */
export function createMemoryDocuments<T extends { rev: number }>(shape: Shape<T>) {
  const stored = new Map<string, T>();

  const write = (document: T): T => {
    stored.set(shape.keyOf(document), deepFrozen(document));
    shape.written?.(document);
    return document;
  };
  const get = (key: string): T | null => stored.get(key) ?? null;
  const commit: Commit<T> = async (previous, next) => {
    const document = shape.schema.parse({ ...next, rev: (previous?.rev ?? 0) + 1 });
    const key = shape.keyOf(document);
    assert(
      previous === null || shape.keyOf(previous) === key,
      `a commit replaces one document by itself: ${key}`,
    );
    return stored.get(key)?.rev === previous?.rev ? write(document) : null;
  };

  return {
    get,
    getMany: (keys: readonly string[]): T[] => [...new Set(keys)].flatMap((key) => get(key) ?? []),
    all: (): T[] => [...stored.values()],
    commit,
    /** Writes without a condition: for changes that are safe against others. */
    replace: (document: T): T => write(shape.schema.parse({ ...document, rev: document.rev + 1 })),
  };
}
