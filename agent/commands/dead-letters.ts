import type { Command } from "commander";
import { type Task, TaskAnswer, TaskPage } from "../../shared/contract/task.ts";
import { redriveDeadLetters } from "../bulk.ts";
import { UsageError } from "../problem.ts";
import {
  addCommand,
  type CommonOptions,
  type Operator,
  openOperator,
  print,
  type Terminal,
} from "./context.ts";
import { identifier, integer, word } from "./options.ts";
import { readPages, withQuery } from "./pages.ts";
import { formatAge, formatTable } from "./text.ts";

type Which = CommonOptions & { readonly group?: string; readonly type?: string };
type ListFlags = Which & { readonly limit: number };
type RedriveFlags = Which & { readonly all?: boolean; readonly reason?: string };

export function addDeadLettersCommands(program: Command, terminal: Terminal): void {
  addCommand(program, "dead-letters", "list tasks that have failed", [
    "shim dead-letters",
    "shim dead-letters --group nightly --json",
  ])
    .option("--group <group>", "only those of this group", word)
    .option("--type <type>", "only those of this type", word)
    .option("--limit <n>", "at most so many", integer(1, 1_000_000), 1_000)
    .action(async (flags: ListFlags) => {
      const tasks = await listDeadLetters(openOperator(terminal, flags), flags);
      print(terminal, flags, { tasks }, () => (tasks.length === 0 ? "No dead letters." : tableOf(tasks)));
    });

  addCommand(program, "redrive", "queue failed tasks again, with fresh attempts", [
    "shim redrive task_1 task_2",
    "shim redrive --group nightly",
    "shim redrive --all",
  ])
    .argument("[ids...]", "the tasks", (id: string, others: readonly string[] | undefined) => [
      ...(others ?? []),
      identifier(id),
    ])
    .option("--group <group>", "all dead letters of this group", word)
    .option("--type <type>", "all dead letters of this type", word)
    .option("--all", "all dead letters of the fleet")
    .option("--reason <text>", "why, for people")
    .action(async (ids: string[], flags: RedriveFlags) => {
      const { group, type, all = false } = flags;
      const many = group !== undefined || type !== undefined || all;
      if (many === ids.length > 0)
        throw new UsageError("Name tasks, or say which dead letters with --group, --type or --all.");
      const operator = openOperator(terminal, flags);
      if (!many) await redriveEach(terminal, operator, ids, flags);
      else await redriveMany(terminal, operator, flags);
    });
}

function listDeadLetters({ http, key }: Operator, { group, type, limit }: ListFlags): Promise<Task[]> {
  return readPages(limit, async (cursor) => {
    const path = withQuery("/v1/dead-letters", { group, type, cursor });
    const page = await http({ method: "GET", path, answer: TaskPage, bearer: key });
    return { entries: page.tasks, cursor: page.cursor };
  });
}

/** One after the other, in the order given: a dependency named before its dependent is redriven before it. */
async function redriveEach(
  terminal: Terminal,
  { http, key }: Operator,
  ids: readonly string[],
  flags: RedriveFlags,
): Promise<void> {
  for (const id of ids) {
    const answer = await http({
      method: "POST",
      path: `/v1/tasks/${id}/redrive`,
      answer: TaskAnswer,
      bearer: key,
      body: flags.reason === undefined ? {} : { reason: flags.reason },
    });
    print(terminal, flags, answer, () => `${answer.task.id} is ${answer.task.state}.`);
  }
}

async function redriveMany(terminal: Terminal, operator: Operator, flags: RedriveFlags): Promise<void> {
  const { group, type } = flags;
  const which = { ...(group !== undefined && { group }), ...(type !== undefined && { type }) };
  const sum = await redriveDeadLetters(operator, which, ({ redriven }) => {
    terminal.errors.write(`${redriven} redriven so far\n`);
  });
  const left =
    sum.left === 0 ? "" : ` ${sum.left} were left: a dependency of theirs failed or was cancelled.`;
  print(terminal, flags, sum, () => `${sum.redriven} dead letters are redriven.${left}`);
}

function tableOf(tasks: readonly Task[]): string {
  const nowMs = Date.now();
  const rows = tasks.map((task) => [
    task.id,
    task.type,
    task.group ?? "-",
    `${task.attempt}/${task.maxAttempts}`,
    formatAge(task.endedAt, nowMs),
    task.error?.code ?? "-",
    task.error?.message ?? "-",
  ]);
  return formatTable(["TASK", "TYPE", "GROUP", "ATTEMPT", "FAILED", "CODE", "WHY"], rows);
}
