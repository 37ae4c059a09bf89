import type { Command } from "commander";
import { HOST_SESSIONS_LIMIT } from "../../shared/contract/limits.ts";
import { createWorkerLog } from "../worker/log.ts";
import { startSupervisor } from "../worker/supervisor.ts";
import { addCommand, print, type Terminal } from "./context.ts";
import { identifier, integer, labels, oneOf, quietHours, words } from "./options.ts";
import { readWorkerFlags, type WorkerFlags } from "./worker-flags.ts";

export function addWorkerCommand(program: Command, terminal: Terminal): void {
  const command = addCommand(program, "worker", "run sessions on this machine that work on tasks", [
    "shim worker --sessions 3 -- ./solve.sh",
    "shim worker --worktrees --publish refs/shim/results -- node agent.js",
    "shim worker --allow-task-commands",
    "shim worker --adapter claude --worktrees -- claude --model opus --permission-mode acceptEdits",
  ]);
  addOptions(command).action((words: string[], flags: WorkerFlags) => runWorker(words, flags, terminal));
}

async function runWorker(command: readonly string[], flags: WorkerFlags, terminal: Terminal): Promise<void> {
  const log = createWorkerLog({ json: flags.json ?? false, file: flags.log ?? null });
  const supervisor = await startSupervisor(readWorkerFlags(flags, command, terminal, log));
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, supervisor.stop);
  const tally = await supervisor.done;
  const told = `${tally.completed} completed, ${tally.failed} failed, ${tally.released} given back, ${tally.dropped} dropped, ${tally.crashes} crashes`;
  print(terminal, flags, tally, () => told);
}

function addOptions(command: Command): Command {
  return command
    .argument("[command...]", "what to run for each task, after --")
    .option(
      "--sessions <n>",
      "sessions, each working on one task at a time",
      integer(1, HOST_SESSIONS_LIMIT),
      1,
    )
    .option(
      "--adapter <name>",
      'how tasks are run: "command" starts a command for each, "claude" or "codex" that coding agent',
      "command",
    )
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
    .option("--no-restarts", "a session that crashed stays down")
    .option("--quiet-hours <from-to>", "nothing is restarted then, local time: 22:00-07:00", quietHours)
    .option(
      "--offline <mode>",
      'may an agent use tools while the control plane does not answer and its lease holds: "open" or "closed"',
      oneOf("open", "closed"),
      "open",
    )
    .option("--no-feed", "start an agent anew for each task")
    .option(
      "--drain-timeout <ms>",
      "on SIGTERM, how long tasks may take to finish before they are given back",
      integer(0, 2 ** 31 - 1),
    )
    .option("--show-output", "log what the commands print")
    .option("--log <file>", "also append the log to a file");
}
