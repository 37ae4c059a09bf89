import path from "node:path";
import { Command, CommanderError } from "commander";
import { addCancelCommand } from "./commands/cancel.ts";
import type { Terminal } from "./commands/context.ts";
import { addDeadLettersCommands } from "./commands/dead-letters.ts";
import { addDrainCommand } from "./commands/drain.ts";
import { addKeysCommand } from "./commands/keys.ts";
import { addRebalanceCommand } from "./commands/rebalance.ts";
import { addRetentionCommand } from "./commands/retention.ts";
import { addRulesCommands } from "./commands/rules.ts";
import { addSessionsCommands } from "./commands/sessions.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addSubmitCommand } from "./commands/submit.ts";
import { addTasksCommand } from "./commands/tasks.ts";
import { addWorkerCommand } from "./commands/worker.ts";
import { describeError, errorObject, exitCodeOf } from "./exit-code.ts";

const terminal: Terminal = {
  env: process.env,
  cwd: userDirectory(),
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
};

/** `npm run shim` works in the package's folder; npm then says where its user stands. */
function userDirectory(): string {
  const here = process.cwd();
  const { npm_lifecycle_event: script, INIT_CWD: initial } = process.env;
  const packageFolder = path.resolve(import.meta.dirname, "..");
  return script === "shim" && here === packageFolder && initial ? initial : here;
}

function createProgram(): Command {
  const program = new Command("shim")
    .description("Run and watch a fleet of coding-agent sessions.")
    .exitOverride()
    .showHelpAfterError("(shim --help shows how)")
    .addHelpText(
      "after",
      `
Exit codes: 0 done, 1 failed, 2 wrong usage, 69 server unavailable, 77 not permitted.

Examples:
  $ shim worker --sessions 3 -- ./solve.sh
  $ shim submit tasks.json --wait
  $ shim status`,
    );
  addWorkerCommand(program, terminal);
  addSubmitCommand(program, terminal);
  addStatusCommand(program, terminal);
  addTasksCommand(program, terminal);
  addSessionsCommands(program, terminal);
  addDrainCommand(program, terminal);
  addCancelCommand(program, terminal);
  addDeadLettersCommands(program, terminal);
  addRebalanceCommand(program, terminal);
  addRulesCommands(program, terminal);
  addRetentionCommand(program, terminal);
  addKeysCommand(program, terminal);
  return program;
}

/** Runs the command line of this process and sets its exit code. */
export async function runProgram(): Promise<void> {
  try {
    await createProgram().parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    // Commander has said what it had to say.
    if (error instanceof CommanderError) return;
    process.stderr.write(`${describeError(error)}\n`);
    // What stands after -- belongs to the worker's command.
    const end = process.argv.indexOf("--");
    if (process.argv.slice(0, end === -1 ? undefined : end).includes("--json"))
      process.stdout.write(`${JSON.stringify(errorObject(error))}\n`);
  }
}
