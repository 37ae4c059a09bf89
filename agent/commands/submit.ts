import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { EXIT_CODES } from "../exit-code.ts";
import { UsageError } from "../problem.ts";
import { submitTasks } from "../submit-tasks.ts";
import { addCommand, type CommonOptions, openOperator, print, type Terminal } from "./context.ts";
import { readSubmissions } from "./read-submissions.ts";
import { type Ends, waitForTasks } from "./wait-for-tasks.ts";

type SubmitFlags = CommonOptions & { readonly wait?: boolean };

export function addSubmitCommand(program: Command, terminal: Terminal): void {
  addCommand(program, "submit", "submit tasks: a JSON object, an array, or one object a line", [
    "shim submit tasks.json --wait",
    `echo '{"type":"build","data":{"branch":"main"}}' | shim submit -`,
  ])
    .argument("<file>", "a file, or - for standard input")
    .option("--wait", "wait until all have ended; exit 1 unless all completed")
    .action(async (file: string, flags: SubmitFlags) => {
      const operator = openOperator(terminal, flags);
      const submissions = readSubmissions(
        await readSource(file, terminal),
        file === "-" ? "standard input" : file,
      );
      const ids: string[] = [];
      try {
        await submitTasks(operator.http, operator.key, submissions, (accepted) => {
          ids.push(...accepted.map((task) => task.id));
          if (!flags.json) for (const task of accepted) terminal.output.write(`${task.id}\n`);
        });
      } catch (error) {
        if (ids.length > 0)
          terminal.errors.write(
            `The first ${ids.length} of ${submissions.length} tasks were submitted; the others were not.\n`,
          );
        throw error;
      }
      if (!flags.wait) {
        if (flags.json) print(terminal, flags, { submitted: ids.length, ids }, () => "");
        return;
      }
      const ends = await waitForTasks(operator, ids, (now) => {
        showProgress(terminal, now, ids.length);
      });
      if (ends.completed < ids.length) terminal.exitCode = EXIT_CODES.failed;
      print(terminal, flags, { submitted: ids.length, ...ends, ids }, () => describeEnds(ends, ids.length));
    });
}

async function readSource(file: string, terminal: Terminal): Promise<string> {
  if (file === "-") return await text(terminal.input);
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"}). Name a file, or - for standard input.`,
      { cause: error },
    );
  }
}

function showProgress({ errors }: Terminal, ends: Ends, total: number): void {
  errors.write(errors.isTTY ? `\r\x1b[K${describeEnds(ends, total)}` : `${describeEnds(ends, total)}\n`);
  if (errors.isTTY && ends.completed + ends.failed + ends.cancelled === total) errors.write("\n");
}

function describeEnds(ends: Ends, total: number): string {
  return `${ends.completed} of ${total} completed, ${ends.failed} failed, ${ends.cancelled} cancelled`;
}
