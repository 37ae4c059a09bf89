import { createHash } from "node:crypto";

/** What happened, as a hash of all of it and the words of its last part. */
export type History = {
  note(atMs: number, what: string): void;
  hash(): string;
  /** The latest entries, oldest first. */
  tail(): readonly string[];
};

const KEPT = 400;
/** Lines hashed in one go. */
const PAGE = 1_000;

/** @param keepAll keeps every entry, for replaying one seed */
export function createHistory(keepAll: boolean): History {
  const hash = createHash("sha256");
  let kept: string[] = [];
  let hashed = 0;
  const hashRest = () => {
    hash.update(`${kept.slice(hashed).join("\n")}\n`);
    hashed = kept.length;
  };
  return {
    note(atMs, what) {
      kept.push(`${atMs.toFixed(3)} ${what}`);
      if (kept.length < hashed + PAGE) return;
      hashRest();
      if (keepAll) return;
      kept = kept.slice(-KEPT);
      hashed = kept.length;
    },
    hash: () => {
      hashRest();
      return hash.copy().digest("hex");
    },
    tail: () => (keepAll ? kept : kept.slice(-KEPT)),
  };
}
