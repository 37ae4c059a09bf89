import { spawn } from "node:child_process";
import path from "node:path";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { Terminal } from "../../agent/commands/context.ts";
import { scratchDirectory } from "../fixtures/scratch.ts";

const CLI = path.resolve(import.meta.dirname, "../../agent/cli.ts");

export type CommandEnd = { readonly out: string; readonly err: string; readonly code: number | null };

/** Where a command runs: an empty directory unless given, with no setting but the given ones. */
export function openTerminal(input: string, env: NodeJS.ProcessEnv, cwd = scratchDirectory()) {
  const [output, errors] = [new PassThrough(), new PassThrough()];
  const streams = { input: Readable.from([input]), output, errors };
  return { env, cwd, exitCode: 0, ...streams } as unknown as Terminal;
}

/**
 * Runs a command line as the shim program does, to its end, in this process: to start another costs more than most
 * commands do.
 */
export async function runShim(
  args: readonly string[],
  input = "",
  env: NodeJS.ProcessEnv = {},
  cwd?: string,
): Promise<CommandEnd> {
  const terminal = openTerminal(input, env, cwd);
  const { output, errors } = terminal as unknown as Record<"output" | "errors", PassThrough>;
  const reading = Promise.all([text(output), text(errors)]);
  // Not before: with the modules of now, which the start of an embedded cloud makes anew, as its commands are.
  const { runProgram } = await import("../../agent/program.ts");
  await runProgram(args, terminal);
  output.end();
  errors.end();
  const [out, err] = await reading;
  return { out, err, code: terminal.exitCode };
}

/** The same as a process of its own. */
export async function spawnShim(
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
