import { setTimeout as wait } from "node:timers/promises";
import type { Command } from "commander";
import * as z from "zod/mini";
import { LoadAnswer } from "../../shared/contract/fleet.ts";
import type { Session } from "../../shared/contract/session.ts";
import { ProgressSummary } from "../../shared/contract/task.ts";
import {
  addCommand,
  type CommonOptions,
  type Operator,
  openOperator,
  print,
  type Terminal,
} from "./context.ts";
import { integer } from "./options.ts";
import { withQuery } from "./pages.ts";
import { createScreen } from "./screen.ts";
import { listSessions, tableOfSessions } from "./sessions.ts";

type StatusFlags = CommonOptions & {
  readonly group?: string;
  readonly interval: number;
  readonly once?: boolean;
};
type Status = {
  readonly progress: ProgressSummary;
  readonly load: z.infer<typeof LoadAnswer>;
  readonly sessions: readonly Session[];
};

const SESSIONS_SHOWN_LIMIT = 1_000;

export function addStatusCommand(program: Command, terminal: Terminal): void {
  addCommand(program, "status", "show progress and sessions; live in a terminal, q ends it", [
    "shim status",
    "shim status --json",
    "shim status --group nightly --once",
  ])
    .option("--group <group>", "progress of this group only")
    .option("--interval <ms>", "between two readings of the live table", integer(250, 3_600_000), 2_000)
    .option("--once", "print once, also in a terminal")
    .action(async (flags: StatusFlags) => {
      const operator = openOperator(terminal, flags);
      const live = terminal.output.isTTY && !flags.json && !flags.once;
      if (live) {
        await watch(operator, terminal, flags);
        return;
      }
      const status = await readStatus(operator, flags.group);
      print(terminal, flags, { ...status.progress, load: status.load, sessions: status.sessions }, () =>
        describeStatus(status),
      );
    });
}

async function readStatus(operator: Operator, group: string | undefined): Promise<Status> {
  const { http, key } = operator;
  const [progress, load, sessions] = await Promise.all([
    http({ method: "GET", path: withQuery("/v1/progress", { group }), answer: ProgressSummary, bearer: key }),
    http({ method: "GET", path: "/v1/load", answer: LoadAnswer, bearer: key }),
    listSessions(operator, SESSIONS_SHOWN_LIMIT),
  ]);
  return { progress, load, sessions };
}

async function watch(operator: Operator, terminal: Terminal, flags: StatusFlags): Promise<void> {
  const screen = createScreen(terminal);
  try {
    while (!screen.left.aborted) {
      const status = await readStatus(operator, flags.group);
      screen.draw(`${describeStatus(status)}\n\n${new Date().toLocaleTimeString()}  q: quit`);
      await wait(flags.interval, undefined, { signal: screen.left }).catch(() => undefined);
    }
  } finally {
    screen.close();
  }
}

function describeStatus({ progress, sessions }: Status): string {
  const summary = [
    `Tasks     ${progress.totalTasks} in all: ${progress.completedTasks} completed, ${progress.inProgressTasks} in progress, ${progress.queuedTasks} queued, ${progress.failedTasks} failed, ${progress.cancelledTasks} cancelled`,
    `Sessions  ${progress.activeChats} active`,
  ];
  const shown = sessions.filter((session) => session.state !== "ended");
  const table =
    shown.length === 0
      ? "No sessions. Start one with: shim worker -- COMMAND"
      : tableOfSessions(shown, Date.now());
  return `${summary.join("\n")}\n\n${table}`;
}
