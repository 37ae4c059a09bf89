import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { messageOf } from "../problem.ts";

const run = promisify(execFile);
const GIT_TIMEOUT_MS = 120_000;

/** What git printed. Throws if it failed, with what it said. */
export async function git(cwd: string, ...args: string[]): Promise<string> {
  // Started from a git hook, these would name another repository than the one we were given.
  const { GIT_DIR: _dir, GIT_WORK_TREE: _tree, GIT_INDEX_FILE: _index, ...env } = process.env;
  try {
    const { stdout } = await run("git", ["-C", cwd, ...args], {
      timeout: GIT_TIMEOUT_MS,
      maxBuffer: 16 * 1024 * 1024,
      env,
    });
    return stdout.trim();
  } catch (error) {
    throw new Error(`git ${args.join(" ")} failed in ${cwd}: ${messageOf(error)}`, { cause: error });
  }
}
