import type { Command } from "commander";
import { TaskAnswer } from "../../shared/contract/task.ts";
import { addCommand, type CommonOptions, openOperator, print, type Terminal } from "./context.ts";
import { identifier } from "./options.ts";

type CancelFlags = CommonOptions & { readonly reason?: string };

export function addCancelCommands(program: Command, terminal: Terminal): void {
  for (const [name, description] of [
    ["cancel", "cancel a task that has not ended"],
    ["redrive", "queue a failed task again, with fresh attempts"],
  ] as const) {
    addCommand(program, name, description, [`shim ${name} task_1 --reason "not needed any more"`])
      .argument("<id>", "the task", identifier)
      .option("--reason <text>", "why, for people")
      .action(async (id: string, flags: CancelFlags) => {
        const { http, key } = openOperator(terminal, flags);
        const body = flags.reason === undefined ? {} : { reason: flags.reason };
        const answer = await http({
          method: "POST",
          path: `/v1/tasks/${id}/${name}`,
          answer: TaskAnswer,
          bearer: key,
          body,
        });
        print(terminal, flags, answer, () => `${answer.task.id} is ${answer.task.state}.`);
      });
  }
}
