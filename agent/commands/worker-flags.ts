import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";
import { UsageError } from "../problem.ts";
import { defaultHostName } from "../worker/host-name.ts";
import type { WorkerLog } from "../worker/log.ts";
import type { WorkerOptions } from "../worker/supervisor.ts";
import { type CommonOptions, connect, type Terminal } from "./context.ts";

export type WorkerFlags = CommonOptions & {
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

/** What the flags ask for. Throws UsageError if it cannot be done. */
export function readWorkerFlags(
  flags: WorkerFlags,
  command: readonly string[],
  terminal: Terminal,
  log: WorkerLog,
): WorkerOptions {
  const [name, ...args] = command;
  checkFlags(flags, name, terminal);
  return {
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
  };
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
