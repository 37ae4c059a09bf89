import { spawn } from "node:child_process";
import path from "node:path";
import { text } from "node:stream/consumers";
import { scratchDirectory } from "../fixtures/scratch.ts";

const CLI = path.resolve(import.meta.dirname, "../../agent/cli.ts");

export type CommandEnd = { readonly out: string; readonly err: string; readonly code: number | null };

/** Runs `shim` with these arguments to its end, in an empty directory, with no setting of its own but the given ones. */
export async function runShim(
  args: readonly string[],
  input = "",
  env: NodeJS.ProcessEnv = {},
): Promise<CommandEnd> {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: scratchDirectory(),
    // The cache only keeps what node compiled before: a third of such a short life is reading its code.
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env },
  });
  child.stdin.end(input);
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { out, err, code };
}

/** The last line of an output, as JSON. */
export function lastLine({ out }: CommandEnd): unknown {
  return JSON.parse(out.trim().split("\n").at(-1) ?? "");
}
