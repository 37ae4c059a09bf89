import path from "node:path";
import type { Command } from "commander";
import { findAdapter } from "../adapters/find-adapter.ts";
import { plainAdapter } from "../adapters/plain.ts";
import type { WhenOffline } from "../hooks/fence-guard.ts";
import { UsageError } from "../problem.ts";
import { runAgent } from "../supervise/run-agent.ts";
import { defaultHostName } from "../worker/host-name.ts";
import { createWorkerLog } from "../worker/log.ts";
import type { QuietHours } from "../worker/restart-policy.ts";
import { addCommand, type CommonOptions, connect, type Terminal } from "./context.ts";
import { isExecutable } from "./executable.ts";
import { identifier, integer, labels, oneOf, quietHours } from "./options.ts";

type RunFlags = CommonOptions & {
  readonly id?: string;
  readonly adapter?: string;
  readonly labels: Record<string, string>;
  readonly restartsPerHour: number;
  readonly restarts: boolean;
  readonly quietHours?: QuietHours;
  readonly offline: WhenOffline;
  readonly log?: string;
};

export function addRunCommand(program: Command, terminal: Terminal): void {
  addCommand(program, "run", "run one agent under supervision, with this terminal", [
    "shim run -- claude",
    "shim run -- codex",
    "shim run --no-restarts -- ./my-agent.sh",
  ])
    .argument("<command...>", "the agent and its arguments, after --")
    .option("--id <session>", "the session's id (default: one for this folder)", identifier)
    .option("--adapter <name>", "whose hooks it has, if its name does not tell: claude or codex")
    .option("--labels <name=value>", "labels of the session", labels, {})
    .option("--restarts-per-hour <n>", "how often it is restarted after crashes", integer(0, 10_000), 10)
    .option("--no-restarts", "an agent that crashed stays down")
    .option("--quiet-hours <from-to>", "nothing is restarted then, local time: 22:00-07:00", quietHours)
    .option(
      "--offline <mode>",
      'may it use tools while the control plane does not answer and its lease holds: "open" or "closed"',
      oneOf("open", "closed"),
      "open",
    )
    .option("--log <file>", "append what the supervisor does to a file (default: it says nothing)")
    .action(async (words: string[], flags: RunFlags) => {
      terminal.exitCode = await runAgent(readRunFlags(words, flags, terminal));
    });
}

function readRunFlags([name = "", ...args]: string[], flags: RunFlags, terminal: Terminal) {
  if (!isExecutable(name, terminal))
    throw new UsageError(`"${name}" is not an executable here or on PATH. Check the command after --.`);
  const called = flags.adapter ?? path.basename(name);
  const adapter = findAdapter(called);
  if (flags.adapter !== undefined && !adapter)
    throw new UsageError(`There is no adapter "${flags.adapter}". Use claude or codex, or leave it out.`);
  // The same for each run in a folder, so that a run knows what the one before it left unfinished.
  const host = flags.id ?? `${defaultHostName(terminal.cwd)}-run`;
  // The agent draws on this terminal: what the supervisor has to say goes to the file, or nowhere.
  const log = flags.log === undefined ? () => undefined : createFileLog(flags.log);
  return {
    connection: connect(terminal, flags),
    ...{ host, session: host, log },
    adapter: adapter ?? plainAdapter(called),
    program: [name, ...args] as const,
    cwd: terminal.cwd,
    env: terminal.env,
    labels: flags.labels,
    whenOffline: flags.offline,
    restarts: {
      perHour: flags.restartsPerHour,
      enabled: flags.restarts,
      quietHours: flags.quietHours ?? null,
    },
  };
}

const createFileLog = (file: string) => createWorkerLog({ json: true, file, quiet: true });
