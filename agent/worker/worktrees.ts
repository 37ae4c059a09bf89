import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { git } from "./git.ts";
import { ownedPrefix, removeOrphans } from "./owned-directories.ts";
import { createTurns } from "./turns.ts";

export type Worktree = {
  readonly dir: string;
  /** The commit its HEAD is on, or null if it is still where it started. */
  newCommit(): Promise<string | null>;
};

/** Private checkouts of one repository, one for each attempt of a task. */
export type Worktrees = {
  add(taskId: string, fence: number): Promise<Worktree>;
  remove(worktree: Worktree): Promise<void>;
  /** Removes this supervisor's directory. */
  close(): Promise<void>;
};

export type WorktreesOptions = {
  readonly repository: string;
  readonly dir: string | null;
  readonly base: string;
  readonly boot: string;
};

/**
 * Opens the worktrees of one supervisor, below a directory of its own, and removes those of supervisors that
 * are gone (their children died with them). Throws if `repository` is no git repository or has no such base.
 */
export async function openWorktrees(options: WorktreesOptions): Promise<Worktrees> {
  const root = await git(options.repository, "rev-parse", "--show-toplevel");
  await git(root, "rev-parse", "--verify", "--quiet", `${options.base}^{commit}`).catch((error: unknown) => {
    throw new Error(`The repository ${root} has no commit "${options.base}". Name another with --base.`, {
      cause: error,
    });
  });
  const shared = path.resolve(root, options.dir ?? path.join(".shim", "worktrees"));
  const own = path.join(shared, `${ownedPrefix("boot")}${options.boot}`);
  await mkdir(own, { recursive: true, mode: 0o700 });
  // The directory ignores itself, so that it shows in nobody's `git status`.
  if (options.dir === null) await writeFile(path.join(shared, ".gitignore"), "*\n");
  // Git's own files of one repository are changed by one command at a time.
  const inTurn = createTurns();
  await inTurn(async () => {
    await removeOrphans(shared, "boot");
    await git(root, "worktree", "prune");
  });

  return {
    add: (taskId, fence) =>
      inTurn(async () => {
        const start = await git(root, "rev-parse", "--verify", `${options.base}^{commit}`);
        const dir = path.join(own, `${taskId}.${fence}`);
        await removeDirectory(root, dir);
        await git(root, "worktree", "add", "--quiet", "--detach", dir, start);
        return { dir, newCommit: () => readNewCommit(dir, start) };
      }),
    remove: (worktree) => inTurn(() => removeDirectory(root, worktree.dir)),
    close: () =>
      inTurn(async () => {
        await rm(own, { recursive: true, force: true, maxRetries: 3 });
        await git(root, "worktree", "prune");
      }),
  };
}

async function readNewCommit(dir: string, start: string): Promise<string | null> {
  const head = await git(dir, "rev-parse", "--verify", "HEAD^{commit}");
  return head === start ? null : head;
}

async function removeDirectory(root: string, dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  await git(root, "worktree", "prune");
}
