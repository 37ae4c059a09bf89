import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { HOST_SESSIONS_LIMIT } from "../../shared/contract/limits.ts";
import { UsageError } from "../problem.ts";
import { defaultHostName } from "../worker/host-name.ts";
import { createWorkerLog } from "../worker/log.ts";
import { startSupervisor } from "../worker/supervisor.ts";
import { addCommand, type CommonOptions, connect, print, type Terminal } from "./context.ts";
import { identifier, integer, labels, words } from "./options.ts";

type WorkerFlags = CommonOptions & {
  readonly sessions: number;
  readonly adapter: string;
  readonly host?: string;
  readonly capabilities: string[];
  readonly labels: Record<string, string>;
  readonly worktrees?: string | true;
  readonly base: string;
  readonly publish?: string;
  readonly allowTaskCommands?: boolean;
  readonly restartsPerHour: number;
  readonly drainTimeout?: number;
  readonly showOutput?: boolean;
  readonly log?: string;
};

/** Room in a session's id for `-100` after the host's name. */
const HOST_CHARACTERS_LIMIT = 60;

export function addWorkerCommand(program: Command, terminal: Terminal): void {
  addCommand(program, "worker", "run sessions on this machine that work on tasks", [
    "shim worker --sessions 3 -- ./solve.sh",
    "shim worker --worktrees --publish refs/shim/results -- node agent.js",
    "shim worker --allow-task-commands",
  ])
    .argument("[command...]", "what to run for each task, after --")
    .option(
      "--sessions <n>",
      "sessions, each working on one task at a time",
      integer(1, HOST_SESSIONS_LIMIT),
      1,
    )
    .option("--adapter <name>", 'how tasks are run; "command" starts a command for each', "command")
    .option("--host <name>", "this worker's name; one worker at a time may have it", identifier)
    .option("--capabilities <a,b>", "what its sessions can do", words, [])
    .option("--labels <name=value>", "labels of its sessions", labels, {})
    .option(
      "--worktrees [dir]",
      "run each attempt in a git worktree of its own (default directory: .shim/worktrees)",
    )
    .option("--base <ref>", "the commit worktrees start from", "HEAD")
    .option(
      "--publish <prefix>",
      "after a task is completed, point PREFIX/TASK/FENCE at the commit its worktree is on",
    )
    .option(
      "--allow-task-commands",
      "run the command a task's data names: only if every submitter is trusted",
    )
    .option(
      "--restarts-per-hour <n>",
      "how often a session is restarted after crashes",
      integer(0, 10_000),
      60,
    )
    .option(
      "--drain-timeout <ms>",
      "on SIGTERM, how long tasks may take to finish before they are given back",
      integer(0, 2 ** 31 - 1),
    )
    .option("--show-output", "log what the commands print")
    .option("--log <file>", "also append the log to a file")
    .action(async (command: string[], flags: WorkerFlags) => {
      const log = createWorkerLog({ json: flags.json ?? false, file: flags.log ?? null });
      const [name, ...args] = command;
      checkFlags(flags, name, terminal);
      const supervisor = await startSupervisor({
        connection: connect(terminal, flags),
        host: flags.host ?? defaultHostName(terminal.cwd),
        sessions: flags.sessions,
        command: name === undefined ? null : [name, ...args],
        taskCommandsAllowed: flags.allowTaskCommands ?? false,
        capabilities: flags.capabilities,
        labels: flags.labels,
        cwd: terminal.cwd,
        env: terminal.env,
        worktrees:
          flags.worktrees === undefined
            ? null
            : { dir: flags.worktrees === true ? null : flags.worktrees, base: flags.base },
        publishPrefix: flags.publish?.replace(/\/+$/, "") ?? null,
        restartsPerHour: flags.restartsPerHour,
        drainTimeoutMs: flags.drainTimeout ?? null,
        showOutput: flags.showOutput ?? false,
        log,
      });
      for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, supervisor.stop);
      const tally = await supervisor.done;
      const told = `${tally.completed} completed, ${tally.failed} failed, ${tally.released} given back, ${tally.dropped} dropped, ${tally.crashes} crashes`;
      print(terminal, flags, tally, () => told);
    });
}

function checkFlags(flags: WorkerFlags, command: string | undefined, terminal: Terminal): void {
  if (flags.adapter !== "command") {
    throw new UsageError(`There is no adapter "${flags.adapter}". Use --adapter command.`);
  }
  if (flags.host !== undefined && flags.host.length > HOST_CHARACTERS_LIMIT) {
    throw new UsageError(
      `--host is ${flags.host.length} characters long; at most ${HOST_CHARACTERS_LIMIT} leave room for the sessions' numbers.`,
    );
  }
  if (command === undefined && !flags.allowTaskCommands) {
    throw new UsageError(
      "Nothing to run. Give a command after --, or --allow-task-commands to run the tasks' own.",
    );
  }
  if (command !== undefined && !isExecutable(command, terminal)) {
    throw new UsageError(`"${command}" is not an executable here or on PATH. Check the command after --.`);
  }
  if (flags.publish !== undefined && flags.worktrees === undefined) {
    throw new UsageError("--publish publishes what a worktree holds. Add --worktrees.");
  }
  if (flags.publish !== undefined && !/^refs\/[A-Za-z0-9_/-]+$/.test(flags.publish)) {
    throw new UsageError(
      `--publish ${flags.publish} is not a prefix of refs. Give one such as refs/shim/results.`,
    );
  }
}

/** Found at the start rather than by the first task, which would fail for it. */
function isExecutable(command: string, { env, cwd }: Terminal): boolean {
  const folders = command.includes("/") ? [cwd] : (env.PATH ?? "").split(path.delimiter);
  return folders.some((folder) => {
    const file = path.resolve(folder, command);
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}
