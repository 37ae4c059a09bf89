import type { Command } from "commander";
import { TaskAnswer } from "../../shared/contract/task.ts";
import { cancelGroup } from "../bulk.ts";
import { UsageError } from "../problem.ts";
import { addCommand, type CommonOptions, openOperator, print, type Terminal } from "./context.ts";
import { identifier, word } from "./options.ts";

type CancelFlags = CommonOptions & { readonly reason?: string; readonly group?: string };

export function addCancelCommand(program: Command, terminal: Terminal): void {
  addCommand(program, "cancel", "cancel a task that has not ended, or all of a group", [
    'shim cancel task_1 --reason "not needed any more"',
    "shim cancel --group nightly",
  ])
    .argument("[id]", "the task", identifier)
    .option("--group <group>", "every task of this group that has not ended", word)
    .option("--reason <text>", "why, for people")
    .action(async (id: string | undefined, flags: CancelFlags) => {
      const operator = openOperator(terminal, flags);
      const { group } = flags;
      const reason = flags.reason === undefined ? {} : { reason: flags.reason };
      if ((id === undefined) === (group === undefined))
        throw new UsageError("Name one task, or a group with --group.");
      if (group !== undefined) {
        const sum = await cancelGroup(operator, { group, ...reason }, ({ cancelled }) => {
          terminal.errors.write(`${cancelled} cancelled so far\n`);
        });
        print(terminal, flags, sum, () => `${sum.cancelled} tasks of ${group} are cancelled.`);
        return;
      }
      const answer = await operator.http({
        method: "POST",
        path: `/v1/tasks/${id ?? ""}/cancel`,
        answer: TaskAnswer,
        bearer: operator.key,
        body: reason,
      });
      print(terminal, flags, answer, () => `${answer.task.id} is ${answer.task.state}.`);
    });
}
