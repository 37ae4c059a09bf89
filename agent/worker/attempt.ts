import type { HeldTask } from "../../shared/contract/session.ts";
import type { Activity } from "../../shared/contract/session-state.ts";
import { messageOf } from "../problem.ts";
import { createAttemptFiles, readResult, removeAttemptFiles } from "./attempt-files.ts";
import { type Child, type ChildExit, startChild } from "./child.ts";
import { createTail, describeFailure, readProgressLine, type ProgressLine } from "./command-output.ts";
import type { Life } from "./life.ts";
import { chooseCommand, type Command } from "./task-command.ts";
import type { Worktree, Worktrees } from "./worktrees.ts";

/** How one try at a task ended, before anyone was told. */
export type AttemptEnd =
  | { readonly kind: "completed"; readonly result: unknown; readonly commit: string | null }
  | { readonly kind: "failed"; readonly message: string; readonly code: string; readonly retryable: boolean }
  | { readonly kind: "crashed"; readonly signal: string }
  | { readonly kind: "aborted"; readonly why: string };

export type Attempt = {
  readonly ended: Promise<AttemptEnd>;
  /** What it is doing, and how it is; absent where nobody can tell. */
  readonly health?: Health;
  extendLease(untilMs: number): void;
  /** Kills it; `ended` then says `aborted` with this reason, unless it had ended already. */
  abort(why: string): void;
  /** Removes its files and its worktree. Call once, after whatever it made was published. */
  dispose(): Promise<void>;
};

export type CommandAdapterOptions = {
  readonly command: Command | null;
  readonly taskCommandsAllowed: boolean;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly worktrees: Worktrees | null;
  readonly onOutput: (taskId: string, line: string) => void;
};

/** What a beat says of an agent besides its tasks. */
export type Health = {
  activity(): Activity;
  /** Signals that are due to be told with this beat; undefined if none are. */
  signals(): Readonly<Record<string, unknown>> | undefined;
};

export type StartAttempt = (
  held: HeldTask,
  life: Life,
  onProgress: (progress: ProgressLine) => void,
) => Attempt;

/** EX_TEMPFAIL of sysexits: the command says that trying again may help. */
const EXIT_RETRYABLE = 75;
/** What a shell answers for a command that cannot be started. */
const EXIT_NOT_FOUND = 127;

/** Runs tasks by starting a command for each: the command adapter's contract. */
export function createCommandAdapter(options: CommandAdapterOptions): StartAttempt {
  return (held, life, onProgress) => {
    let child: Child | null = null;
    const aborted = new AbortController();
    const abortion = (): AttemptEnd | null =>
      aborted.signal.aborted ? { kind: "aborted", why: String(aborted.signal.reason) } : null;
    const cleanups: (() => Promise<void>)[] = [];

    async function run(): Promise<AttemptEnd> {
      const choice = chooseCommand(held.task.data, options.command, options.taskCommandsAllowed);
      if (!choice.ok) return { kind: "failed", message: choice.message, code: choice.code, retryable: false };
      const files = await createAttemptFiles(held);
      cleanups.push(() => removeAttemptFiles(files));
      const worktree = await addWorktree(options.worktrees, held, cleanups);
      const early = abortion();
      if (early) return early;

      const stderr = createTail();
      child = startChild({
        command: choice.command,
        cwd: worktree?.dir ?? options.cwd,
        env: attemptEnv(options.env, held, files, worktree),
        leaseUntilMs: life.leaseUntilMs(),
        onStdout: (line) => {
          const progress = readProgressLine(line);
          if (progress) onProgress(progress);
          else options.onOutput(held.task.id, line);
        },
        onStderr: (line) => {
          stderr.add(line);
          options.onOutput(held.task.id, line);
        },
      });
      const exit = await child.exited;
      const late = abortion();
      if (late) return late;
      if (exit.killed === "lease") return { kind: "aborted", why: "lease" };
      if (exit.code === 0) return await complete(files.result, worktree);
      return explainExit(choice.command[0], exit, stderr.text());
    }

    return {
      ended: run().catch((error: unknown) => explainSetupFailure(error)),
      extendLease: (untilMs) => child?.extendLease(untilMs),
      abort: (why) => {
        aborted.abort(why);
        child?.kill();
      },
      dispose: async () => {
        for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
      },
    };
  };
}

async function addWorktree(
  worktrees: Worktrees | null,
  held: HeldTask,
  cleanups: (() => Promise<void>)[],
): Promise<Worktree | null> {
  if (worktrees === null) return null;
  const worktree = await worktrees.add(held.task.id, held.fence);
  cleanups.push(() => worktrees.remove(worktree));
  return worktree;
}

async function complete(resultFile: string, worktree: Worktree | null): Promise<AttemptEnd> {
  const reading = await readResult(resultFile);
  if (!reading.ok) return { kind: "failed", message: reading.message, code: reading.code, retryable: false };
  return {
    kind: "completed",
    result: reading.result,
    commit: worktree === null ? null : await worktree.newCommit(),
  };
}

function attemptEnv(
  base: NodeJS.ProcessEnv,
  held: HeldTask,
  files: { task: string; result: string; resume: string },
  worktree: Worktree | null,
): NodeJS.ProcessEnv {
  const { SHIM_KEY: _key, ...env } = base;
  return {
    // The API key stays here: a task has no business with it.
    ...env,
    SHIM_TASK_FILE: files.task,
    SHIM_RESULT_FILE: files.result,
    SHIM_RESUME_FILE: files.resume,
    SHIM_TASK_ID: held.task.id,
    SHIM_FENCE: String(held.fence),
    ...(worktree ? { SHIM_WORKTREE: worktree.dir } : {}),
  };
}

/** What a command's end other than success means. */
export function explainExit(command: string, exit: ChildExit, stderr: string): AttemptEnd {
  if (exit.signal !== null) return { kind: "crashed", signal: exit.signal };
  if (exit.error !== null) {
    return {
      kind: "failed",
      message: `${command} could not be started: ${exit.error}`,
      code: `exit.${EXIT_NOT_FOUND}`,
      retryable: true,
    };
  }
  const code = exit.code ?? -1;
  const headline =
    code === EXIT_RETRYABLE
      ? `${command} asked to be tried again (exit code 75)`
      : `${command} ended with exit code ${code}`;
  return {
    kind: "failed",
    message: describeFailure(headline, stderr),
    code: `exit.${code}`,
    retryable: true,
  };
}

function explainSetupFailure(error: unknown): AttemptEnd {
  return {
    kind: "failed",
    message: describeFailure("The worker could not run the task", messageOf(error)),
    code: "worker.failed",
    retryable: true,
  };
}
