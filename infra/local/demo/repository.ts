import { copyFileSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { git } from "./git.ts";

export const PROJECT = path.resolve(import.meta.dirname, "../../..");
/** What tasks publish: `PREFIX/TASK/FENCE` points at a commit. */
export const PUBLISH_PREFIX = "refs/shim/demo";

const NOT_SOURCE = new Set(["node_modules", ".git", ".shim", ".sst", "dist", "coverage"]);

export type DemoRepository = {
  readonly dir: string;
  readonly files: readonly string[];
  readonly commit: string;
};

/**
 * Makes a git repository of this project's own files, with one commit. The project's tools are reachable from
 * everything below `folder`, worktrees included, by one link beside the repository.
 */
export async function makeRepository(folder: string): Promise<DemoRepository> {
  const dir = path.join(folder, "repository");
  const files = await listSources();
  for (const file of files) {
    mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
    copyFileSync(path.join(PROJECT, file), path.join(dir, file));
  }
  symlinkSync(path.join(PROJECT, "node_modules"), path.join(folder, "node_modules"), "dir");
  await git(dir, "init", "--quiet", "--initial-branch=main");
  // Whatever this machine's own configuration says, commits must neither ask for a key nor start a clean-up.
  for (const [name, value] of [
    ["user.name", "SHIM demo"],
    ["user.email", "demo@localhost"],
    ["commit.gpgSign", "false"],
    ["core.hooksPath", "/dev/null"],
    ["core.autocrlf", "false"],
    ["gc.auto", "0"],
    ["maintenance.auto", "false"],
  ] as const) {
    await git(dir, "config", name, value);
  }
  // Where tools keep their caches: no task may publish those, even from a copy that came without its .gitignore.
  writeFileSync(path.join(dir, ".git/info/exclude"), "node_modules\n");
  await git(dir, "add", "--all");
  await git(dir, "commit", "--quiet", "--message=This project's own files");
  return { dir, files, commit: await git(dir, "rev-parse", "HEAD") };
}

/** The project's files: what git tracks in a checkout, and all that is no product of a tool elsewhere. */
async function listSources(): Promise<string[]> {
  const tracked = await git(PROJECT, "ls-files", "-z").catch(() => "");
  const files = tracked.split("\0").filter((file) => file !== "" && existsSync(path.join(PROJECT, file)));
  if (files.includes("package.json")) return files;
  return walk("");
}

/** Files below a folder of the project, dot files included. */
function walk(folder: string): string[] {
  return readdirSync(path.join(PROJECT, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (NOT_SOURCE.has(entry.name)) return [];
    if (entry.isDirectory()) return walk(file);
    return entry.isFile() ? [file] : [];
  });
}

/** One published effect, as the repository holds it. */
export type Effect = { readonly task: string; readonly fence: number; readonly commit: string };

/** Every effect that was published, read from the repository and nothing else. */
export async function readEffects(repository: string): Promise<Effect[]> {
  const text = await git(repository, "for-each-ref", "--format=%(objectname) %(refname)", PUBLISH_PREFIX);
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [commit = "", ref = ""] = line.split(" ");
      const [task = "", fence = ""] = ref.slice(PUBLISH_PREFIX.length + 1).split("/");
      return { task, fence: Number(fence), commit };
    });
}

/** Publishes as a worker does: only where nothing is yet, so that whoever else publishes the same is not undone. */
export async function publishEffect(repository: string, { task, fence, commit }: Effect): Promise<void> {
  await git(
    repository,
    "update-ref",
    `${PUBLISH_PREFIX}/${task}/${fence}`,
    commit,
    "0".repeat(commit.length),
  );
}
