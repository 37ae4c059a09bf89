import { spawn } from "node:child_process";

/** Characters of a failed process's output worth showing. */
const OUTPUT_TAIL = 2_000;

export type RunOptions = {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
};

/**
 * Runs a program to its end, in a process group of its own so that a timeout ends its children too.
 *
 * @returns what it printed to stdout
 * @throws Error saying how it ended, with the last of its output
 */
export async function runProcess(
  command: string,
  args: readonly string[],
  { cwd, env, timeoutMs }: RunOptions,
): Promise<string> {
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    output += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const limit = { passed: false };
  const timer = setTimeout(() => {
    limit.passed = true;
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, timeoutMs);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    if (code === 0) return stdout;
    const how = limit.passed ? `was stopped after ${timeoutMs} ms` : `ended with ${code ?? "a signal"}`;
    throw new Error(`"${[command, ...args].join(" ")}" ${how}:\n${output.trim().slice(-OUTPUT_TAIL)}`);
  } finally {
    clearTimeout(timer);
  }
}
