import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { openWorktrees } from "../../agent/worker/worktrees.ts";
import { git, scratchDirectory } from "../fixtures/scratch.ts";

function repository(): string {
  const dir = scratchDirectory();
  git(dir, "init", "-q", "-b", "main");
  writeFileSync(path.join(dir, "file"), "one\n");
  git(dir, "add", "file");
  git(dir, "commit", "-q", "-m", "one");
  return dir;
}

const open = (repo: string, boot = "boot_1", base = "HEAD") =>
  openWorktrees({ repository: repo, dir: null, base, boot });

function commitIn(dir: string, text: string): string {
  writeFileSync(path.join(dir, "file"), text);
  git(dir, "commit", "-q", "-a", "-m", text);
  return git(dir, "rev-parse", "HEAD");
}

test("an attempt gets a detached checkout of the base, which is gone afterwards", async () => {
  const repo = repository();
  const worktrees = await open(repo);
  const worktree = await worktrees.add("task_1", 3);
  expect(readFileSync(path.join(worktree.dir, "file"), "utf8")).toBe("one\n");
  expect(() => git(worktree.dir, "symbolic-ref", "HEAD")).toThrow();
  expect(git(repo, "status", "--porcelain")).toBe("");
  writeFileSync(path.join(worktree.dir, "dirt"), "");
  await worktrees.remove(worktree);
  expect(existsSync(worktree.dir)).toBe(false);
  expect(git(repo, "worktree", "list").split("\n")).toHaveLength(1);
});

test("only a commit made in the worktree counts as new", async () => {
  const worktrees = await open(repository());
  const worktree = await worktrees.add("task_1", 1);
  expect(await worktree.newCommit()).toBeNull();
  const commit = commitIn(worktree.dir, "two");
  expect(await worktree.newCommit()).toBe(commit);
});

test("concurrent attempts get worktrees of their own", async () => {
  const worktrees = await open(repository());
  const made = await Promise.all([1, 2, 3, 4].map((n) => worktrees.add(`task_${n}`, 1)));
  expect(new Set(made.map((worktree) => worktree.dir)).size).toBe(4);
  for (const worktree of made) expect(existsSync(path.join(worktree.dir, "file"))).toBe(true);
});

test("opening removes what a supervisor that is gone left, and nothing of one that lives", async () => {
  const repo = repository();
  const alive = await open(repo, "alive");
  const kept = await alive.add("task_1", 1);
  const shared = path.join(repo, ".shim", "worktrees");
  const [own = ""] = readdirSync(shared).filter((name) => name.startsWith("boot-"));
  // A pid past the largest the kernel gives is nobody's.
  const leftover = path.join(shared, own.replace(`-${process.pid}-`, "-99999999-"), "task_2.1");
  mkdirSync(path.dirname(leftover));
  git(repo, "worktree", "add", "-q", "--detach", leftover);
  const next = await open(repo, "next");
  expect(existsSync(leftover)).toBe(false);
  expect(existsSync(kept.dir)).toBe(true);
  expect(git(repo, "worktree", "list").split("\n")).toHaveLength(2);
  await next.close();
  await alive.close();
  expect(readdirSync(shared)).toEqual([".gitignore"]);
});

test("a base that does not exist is refused before any task runs", async () => {
  await expect(open(repository(), "boot_1", "nonsense")).rejects.toThrow('has no commit "nonsense"');
});
