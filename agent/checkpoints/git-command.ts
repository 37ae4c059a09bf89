import { spawn } from "node:child_process";

/** A repository that answers later is not waited for: the agent works meanwhile, and a checkpoint is of now. */
const GIT_TIMEOUT_MS = 10_000;
const STDERR_CHARACTERS_LIMIT = 2_000;

/** Whatever a user or a repository has configured: nothing of theirs runs, and the output is always alike. */
const CONFIGURATION = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["core.quotePath", "true"],
  ["core.pager", "cat"],
  ["diff.orderFile", "/dev/null"],
  ["diff.noprefix", "false"],
  ["diff.mnemonicPrefix", "false"],
  ["diff.interHunkContext", "0"],
  ["diff.suppressBlankEmpty", "false"],
  ["apply.whitespace", "nowarn"],
  ["apply.ignoreWhitespace", "no"],
  ["advice.detachedHead", "false"],
].flatMap(([name, value]) => ["-c", `${name}=${value}`]);

export type GitRun = {
  readonly ok: boolean;
  readonly stdout: Buffer;
  /** What it said of its failure, on one line. */
  readonly error: string;
};

export type GitOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Buffer | string;
  /** Takes what is printed, piece by piece, instead of `stdout`. */
  readonly onOutput?: (piece: Buffer) => void;
  readonly timeoutMs?: number;
};

/**
 * Runs git without hooks, pager, prompts or optional locks, in time. Bytes in, bytes out: names and contents of files are
 * no text. Never throws.
 */
export function runGit(cwd: string, args: readonly string[], options: GitOptions = {}): Promise<GitRun> {
  return new Promise((resolve) => {
    const child = spawn("git", ["--no-pager", "--no-optional-locks", ...CONFIGURATION, ...args], {
      cwd,
      env: { ...environment(), ...options.env },
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      timeout: options.timeoutMs ?? GIT_TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    const pieces: Buffer[] = [];
    let error = "";
    child.stdout?.on("data", options.onOutput ?? ((piece: Buffer) => pieces.push(piece)));
    child.stderr?.on("data", (piece: Buffer) => {
      if (error.length < STDERR_CHARACTERS_LIMIT) error += piece.toString();
    });
    const end = (ok: boolean, why: string) => {
      resolve({ ok, stdout: Buffer.concat(pieces), error: why.trim().replace(/\s+/g, " ") });
    };
    child.on("error", (problem) => {
      end(false, problem.message);
    });
    child.on("close", (code, signal) => {
      end(code === 0, error || (code === null ? `it was ended by ${signal}` : `it ended with ${code}`));
    });
    // It may end without having read all of it; its exit code tells.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.input);
  });
}

/** Started from a git hook, git's own variables would name another repository than the one we were given. */
function environment(): Record<string, string | undefined> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"));
  return {
    ...Object.fromEntries(inherited),
    LC_ALL: "C",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_TERMINAL_PROMPT: "0",
    GIT_LITERAL_PATHSPECS: "1",
    GIT_PAGER: "cat",
  };
}
