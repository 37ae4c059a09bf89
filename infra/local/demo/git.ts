import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { reasonOf } from "../start-error.ts";
import { cleanEnvironment } from "./environment.ts";

const run = promisify(execFile);
const OUTPUT_BYTES_LIMIT = 64 * 1024 * 1024;

/** Runs git in a folder and returns what it printed, without the last line's end. */
export async function git(cwd: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await run("git", ["-C", cwd, ...args], {
      maxBuffer: OUTPUT_BYTES_LIMIT,
      env: cleanEnvironment(),
    });
    return stdout.trimEnd();
  } catch (error) {
    throw new Error(`git ${args.join(" ")} failed in ${cwd}: ${reasonOf(error)}`, { cause: error });
  }
}
