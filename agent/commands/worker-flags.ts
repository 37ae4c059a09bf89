import type { AgentAdapter } from "../adapters/adapter.ts";
import { ADAPTER_NAMES, findAdapter } from "../adapters/find-adapter.ts";
import type { WhenOffline } from "../hooks/fence-guard.ts";
import { UsageError } from "../problem.ts";
import { defaultHostName } from "../worker/host-name.ts";
import type { WorkerLog } from "../worker/log.ts";
import type { QuietHours } from "../worker/restart-policy.ts";
import type { AgentRuns, CommandRuns, WorkerOptions } from "../worker/supervisor.ts";
import { isExecutable } from "./executable.ts";
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
  readonly restarts: boolean;
  readonly quietHours?: QuietHours;
  readonly offline: WhenOffline;
  readonly feed: boolean;
  readonly drainTimeout?: number;
  readonly showOutput?: boolean;
  readonly log?: string;
};

type Words = readonly [string, ...string[]];

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
    runs: whatRuns(flags, name === undefined ? null : [name, ...args]),
    capabilities: flags.capabilities,
    labels: flags.labels,
    cwd: terminal.cwd,
    env: terminal.env,
    worktrees:
      flags.worktrees === undefined
        ? null
        : { dir: flags.worktrees === true ? null : flags.worktrees, base: flags.base },
    publishPrefix: flags.publish?.replace(/\/+$/, "") ?? null,
    restarts: {
      perHour: flags.restartsPerHour,
      enabled: flags.restarts,
      quietHours: flags.quietHours ?? null,
    },
    drainTimeoutMs: flags.drainTimeout ?? null,
    showOutput: flags.showOutput ?? false,
    log,
  };
}

function whatRuns(flags: WorkerFlags, command: Words | null): CommandRuns | AgentRuns {
  if (flags.adapter === "command")
    return { kind: "command", command, taskCommandsAllowed: flags.allowTaskCommands ?? false };
  const adapter = adapterNamed(flags.adapter);
  // Without one it is the agent's own program, as its users call it.
  const program = command ?? [adapter.name];
  return { kind: "agent", adapter, program, whenOffline: flags.offline, feeds: flags.feed };
}

function adapterNamed(name: string): AgentAdapter {
  const adapter = findAdapter(name);
  if (adapter) return adapter;
  throw new UsageError(
    `There is no adapter "${name}". Use --adapter ${["command", ...ADAPTER_NAMES].join(", ")}.`,
  );
}

function checkFlags(flags: WorkerFlags, command: string | undefined, terminal: Terminal): void {
  const isAgent = flags.adapter !== "command";
  if (isAgent) command ??= adapterNamed(flags.adapter).name;
  if (isAgent && flags.allowTaskCommands)
    throw new UsageError("--allow-task-commands is for --adapter command: an agent takes no command.");
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
