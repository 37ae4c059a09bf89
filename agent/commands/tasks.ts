import type { Command } from "commander";
import { type Task, TaskAnswer, TaskPage, TaskState } from "../../shared/contract/task.ts";
import { UsageError } from "../problem.ts";
import { addCommand, type CommonOptions, openOperator, print, type Terminal } from "./context.ts";
import { identifier, integer } from "./options.ts";
import { readPages, withQuery } from "./pages.ts";
import { formatAge, formatTable, printable } from "./text.ts";

type TasksFlags = CommonOptions & {
  readonly state?: string;
  readonly group?: string;
  readonly limit: number;
};

export function addTasksCommand(program: Command, terminal: Terminal): void {
  addCommand(program, "tasks", "list tasks, or show one", [
    "shim tasks --state failed",
    "shim tasks task_1 --json",
  ])
    .argument("[id]", "one task", identifier)
    .option("--state <state>", `only those in this state: ${TaskState.options.join(", ")}`)
    .option("--group <group>", "only those of this group")
    .option("--limit <n>", "at most so many", integer(1, 1_000_000), 1_000)
    .action(async (id: string | undefined, flags: TasksFlags) => {
      const { http, key } = openOperator(terminal, flags);
      if (id !== undefined) {
        const answer = await http({
          method: "GET",
          path: `/v1/tasks/${id}`,
          answer: TaskAnswer,
          bearer: key,
        });
        print(terminal, flags, answer, () => describeTask(answer.task));
        return;
      }
      if (flags.state !== undefined && !TaskState.safeParse(flags.state).success) {
        throw new UsageError(
          `"${flags.state}" is no state of a task. Use one of ${TaskState.options.join(", ")}.`,
        );
      }
      const tasks = await readPages(flags.limit, async (cursor) => {
        const path = withQuery("/v1/tasks", { state: flags.state, group: flags.group, cursor });
        const page = await http({ method: "GET", path, answer: TaskPage, bearer: key });
        return { entries: page.tasks, cursor: page.cursor };
      });
      print(terminal, flags, { tasks }, () => (tasks.length === 0 ? "No tasks." : tableOf(tasks)));
    });
}

function tableOf(tasks: readonly Task[]): string {
  const nowMs = Date.now();
  const rows = tasks.map((task) => [
    task.id,
    task.type,
    task.state,
    `${task.attempt}/${task.maxAttempts}`,
    task.progress ? `${task.progress.percent}%` : "-",
    task.sessionId ?? "-",
    formatAge(task.createdAt, nowMs),
  ]);
  return formatTable(["TASK", "TYPE", "STATE", "ATTEMPT", "PROGRESS", "SESSION", "AGE"], rows);
}

function describeTask(task: Task): string {
  const lines = Object.entries(task)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(
      ([name, value]) =>
        `${name.padEnd(12)}  ${printable(typeof value === "string" ? value : JSON.stringify(value))}`,
    );
  return lines.join("\n");
}
