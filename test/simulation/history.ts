import { createHash } from "node:crypto";

/** What happened, as a hash of all of it and the words of its last part. */
export type History = {
  note(atMs: number, what: string): void;
  hash(): string;
  /** The latest entries, oldest first. */
  tail(): readonly string[];
};

const KEPT = 400;

/** @param keepAll keeps every entry, for replaying one seed */
export function createHistory(keepAll: boolean): History {
  const hash = createHash("sha256");
  let kept: string[] = [];
  return {
    note(atMs, what) {
      const line = `${atMs.toFixed(3)} ${what}`;
      hash.update(`${line}\n`);
      kept.push(line);
      if (!keepAll && kept.length > 2 * KEPT) kept = kept.slice(-KEPT);
    },
    hash: () => hash.copy().digest("hex"),
    tail: () => (keepAll ? kept : kept.slice(-KEPT)),
  };
}
