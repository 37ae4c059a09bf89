import { createHash } from "node:crypto";
import { copyFile, lstat, mkdtemp, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { hashFiles } from "./file-hashes.ts";
import { runGit } from "./git-command.ts";
import { type GitPath, type GitStatus, STATUS_ARGUMENTS, parseStatus } from "./git-status.ts";

/** Bytes of a diff that a checkpoint carries; of a longer one it has the hash alone. */
export const DIFF_BYTES_LIMIT = 256 * 1024;
/** Untracked files that are in the diff, and bytes of each: a build's output is no work that must not be lost. */
export const UNTRACKED_FILES_LIMIT = 500;
export const UNTRACKED_BYTES_LIMIT = 1024 * 1024;

/** Why there is no diff, though there are changes. */
export type DiffOmitted = "too_large" | "encoding" | "failed";

/** What can be verified later of a worktree. Paths are below `top`; lists are as long as they are. */
export type GitFacts = {
  readonly top: string;
  readonly head: string | null;
  readonly branch: string | null;
  readonly modified: readonly string[];
  readonly staged: readonly string[];
  readonly untracked: readonly string[];
  /** With untracked files, against HEAD, not redacted. Empty: no change. Null: see `diffOmitted`. */
  readonly diff: string | null;
  readonly diffOmitted: DiffOmitted | null;
  readonly diffBytes: number;
  /** SHA-256 of the whole diff, also where it is omitted; null if git failed to make it. */
  readonly diffHash: string | null;
  /** Untracked files that are not in the diff: too large, too many, repositories of their own. */
  readonly diffWithout: readonly string[];
  /** SHA-256 of each changed file's content, null where it is gone. See `hashFiles` for which. */
  readonly fileHashes: Readonly<Record<string, string | null>>;
};

/** The facts, or why there are none: no repository, a bare one, or git refused or did not answer. */
export async function readGitFacts(cwd: string): Promise<GitFacts | { readonly none: string }> {
  const [where, status] = await Promise.all([
    runGit(cwd, ["rev-parse", "--show-toplevel", "--git-path", "index"]),
    runGit(cwd, STATUS_ARGUMENTS),
  ]);
  if (!where.ok) return { none: where.error };
  if (!status.ok) return { none: status.error };
  const place = placeOf(cwd, where.stdout.toString());
  const found = parseStatus(status.stdout);
  const changed = uniquePaths([...found.staged, ...found.modified, ...found.unmerged, ...found.untracked]);
  const [diff, fileHashes] = await Promise.all([
    changed.length === 0 ? NO_CHANGE : readDiff(place, found),
    hashFiles(place.top, changed),
  ]);
  return {
    top: place.top,
    head: found.head,
    branch: found.branch,
    modified: uniquePaths([...found.modified, ...found.unmerged]),
    staged: uniquePaths(found.staged),
    untracked: uniquePaths(found.untracked),
    ...diff,
    fileHashes,
  };
}

type Place = { readonly top: string; readonly index: string };
type Diff = Pick<GitFacts, "diff" | "diffOmitted" | "diffBytes" | "diffHash" | "diffWithout">;

const NO_CHANGE: Diff = {
  diff: "",
  diffOmitted: null,
  diffBytes: 0,
  diffHash: createHash("sha256").digest("hex"),
  diffWithout: [],
};
const FAILED: Diff = { diff: null, diffOmitted: "failed", diffBytes: 0, diffHash: null, diffWithout: [] };

/** The index's path is the last line, and relative to `cwd`; the top may have line ends in its name. */
function placeOf(cwd: string, output: string): Place {
  const end = output.lastIndexOf("\n", output.length - 2);
  return { top: output.slice(0, end), index: path.resolve(cwd, output.slice(end + 1, -1)) };
}

/**
 * The user's index stays as it is: untracked files are entered into a copy of it, as names alone, so that no
 * content of theirs is written into the repository either.
 */
async function readDiff({ top, index }: Place, status: GitStatus): Promise<Diff> {
  const { added, without } = await choose(top, status.untracked);
  const base = status.head ?? (await emptyTree(top));
  if (base === null) return FAILED;
  if (added.length === 0) return { ...(await printDiff(top, base, {})), diffWithout: without };
  const scratch = await mkdtemp(path.join(tmpdir(), "shim-index-"));
  try {
    const copy = path.join(scratch, "index");
    await copyIndex(index, copy);
    const env = { GIT_INDEX_FILE: copy };
    const input = Buffer.concat(added.flatMap(({ bytes }) => [bytes, Buffer.of(0)]));
    const args = ["add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul"];
    const entered = await runGit(top, args, { env, input });
    return entered.ok ? { ...(await printDiff(top, base, env)), diffWithout: without } : FAILED;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * With its time: git takes a file for unchanged if its times and size are those in the index, unless it may have been changed
 * after the index was written within one tick of the clock. A younger index would hide such a change.
 */
async function copyIndex(index: string, copy: string): Promise<void> {
  const stat = await lstat(index).catch(() => null);
  if (!stat) return; // Before the first `git add` there is none.
  await copyFile(index, copy);
  const seconds = Math.floor(stat.mtimeMs) / 1_000;
  await utimes(copy, seconds, seconds);
}

async function printDiff(top: string, base: string, env: Record<string, string>): Promise<Diff> {
  const hash = createHash("sha256");
  const kept: Buffer[] = [];
  let bytes = 0;
  const run = await runGit(top, [...DIFF_ARGUMENTS, base, "--"], {
    env,
    onOutput: (piece) => {
      hash.update(piece);
      if (bytes <= DIFF_BYTES_LIMIT) kept.push(piece);
      bytes += piece.length;
    },
  });
  if (!run.ok) return FAILED;
  const of = { diffBytes: bytes, diffHash: hash.digest("hex"), diffWithout: [] };
  if (bytes > DIFF_BYTES_LIMIT) return { ...of, diff: null, diffOmitted: "too_large" };
  const text = textOf(Buffer.concat(kept));
  return { ...of, diff: text, diffOmitted: text === null ? "encoding" : null };
}

/** Every choice that somebody's configuration could make is made here: the same change has the same hash everywhere. */
const DIFF_ARGUMENTS = [
  "diff",
  "--binary",
  "--full-index",
  "--no-color",
  "--no-ext-diff",
  "--no-textconv",
  "--no-renames",
  "--no-relative",
  "--unified=3",
  "--diff-algorithm=myers",
  "--indent-heuristic",
  "--src-prefix=a/",
  "--dst-prefix=b/",
  "--submodule=short",
  "--ignore-submodules=dirty",
];

/** Text of another encoding is text to git, and cannot be carried as JSON without being changed. */
function textOf(bytes: Buffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Of a repository without a commit, everything is new. */
async function emptyTree(top: string): Promise<string | null> {
  const { ok, stdout } = await runGit(top, ["hash-object", "-t", "tree", "--stdin"], { input: "" });
  return ok ? stdout.toString().trim() : null;
}

async function choose(top: string, untracked: readonly GitPath[]) {
  const added: GitPath[] = [];
  const without: string[] = untracked.slice(UNTRACKED_FILES_LIMIT).map(({ text }) => text);
  for (const file of untracked.slice(0, UNTRACKED_FILES_LIMIT)) {
    // Of a repository inside of this one, git names the folder alone.
    const size = file.text.endsWith("/") ? null : await sizeOf(top, file);
    if (size === null || size > UNTRACKED_BYTES_LIMIT) without.push(file.text);
    else added.push(file);
  }
  return { added, without };
}

async function sizeOf(top: string, { bytes }: GitPath): Promise<number | null> {
  const stat = await lstat(Buffer.concat([Buffer.from(`${top}/`), bytes])).catch(() => null);
  return stat && (stat.isFile() || stat.isSymbolicLink()) ? stat.size : null;
}

function uniquePaths(paths: readonly GitPath[]): readonly string[] {
  return [...new Set(paths.map(({ text }) => text))].sort();
}
