import { Command, CommanderError } from "commander";
import type { Terminal } from "./commands/context.ts";
import { describeError, errorObject, exitCodeOf } from "./exit-code.ts";

type AddCommands = (program: Command, terminal: Terminal) => void;

// One command's code is a fraction of all: each is read only where it is called, or help names it.
const worker = async () => (await import("./commands/worker.ts")).addWorkerCommand;
const run = async () => (await import("./commands/run.ts")).addRunCommand;
const init = async () => (await import("./commands/init.ts")).addInitCommand;
const hook = async () => (await import("./commands/hook.ts")).addHookCommand;
const mcp = async () => (await import("./commands/mcp.ts")).addMcpCommand;
const submit = async () => (await import("./commands/submit.ts")).addSubmitCommand;
const status = async () => (await import("./commands/status.ts")).addStatusCommand;
const tasks = async () => (await import("./commands/tasks.ts")).addTasksCommand;
const sessions = async () => (await import("./commands/sessions.ts")).addSessionsCommands;
const drain = async () => (await import("./commands/drain.ts")).addDrainCommand;
const cancel = async () => (await import("./commands/cancel.ts")).addCancelCommand;
const deadLetters = async () => (await import("./commands/dead-letters.ts")).addDeadLettersCommands;
const rebalance = async () => (await import("./commands/rebalance.ts")).addRebalanceCommand;
const rules = async () => (await import("./commands/rules.ts")).addRulesCommands;
const retention = async () => (await import("./commands/retention.ts")).addRetentionCommand;
const experiments = async () => (await import("./commands/experiments.ts")).addExperimentsCommand;
const keys = async () => (await import("./commands/keys.ts")).addKeysCommand;

/** In the order of the help. Where one import brings several commands, they stand together. */
const COMMANDS: ReadonlyMap<string, () => Promise<AddCommands>> = new Map([
  ["worker", worker],
  ["run", run],
  ["init", init],
  ["mcp", mcp],
  ["hook", hook],
  ["submit", submit],
  ["status", status],
  ["tasks", tasks],
  ["sessions", sessions],
  ["restart", sessions],
  ["drain", drain],
  ["cancel", cancel],
  ["dead-letters", deadLetters],
  ["redrive", deadLetters],
  ["rebalance", rebalance],
  ["pause", rules],
  ["resume", rules],
  ["limit", rules],
  ["rules", rules],
  ["retention", retention],
  ["experiments", experiments],
  ["keys", keys],
]);

/** A program with the command that is called `name`; with all of them if none is, to help or to suggest one. */
export async function createProgram(name: string | undefined, terminal: Terminal): Promise<Command> {
  const program = new Command("shim")
    .description("Run and watch a fleet of coding-agent sessions.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.output.write(text),
      writeErr: (text) => terminal.errors.write(text),
    })
    .showHelpAfterError("(shim --help shows how)")
    .addHelpText(
      "after",
      `
Exit codes: 0 done, 1 failed, 2 wrong usage, 69 server unavailable, 77 not permitted.

Examples:
  $ shim worker --sessions 3 -- ./solve.sh
  $ shim run -- claude
  $ shim submit tasks.json --wait
  $ shim status`,
    );
  const called = COMMANDS.get(name ?? "");
  const loading = [...new Set(called ? [called] : COMMANDS.values())].map((load) => load());
  for (const add of await Promise.all(loading)) add(program, terminal);
  return program;
}

/** Runs one command line, and leaves its exit code in the terminal. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<void> {
  try {
    await (await createProgram(args[0], terminal)).parseAsync(args, { from: "user" });
  } catch (error) {
    terminal.exitCode = exitCodeOf(error);
    // Commander has said what it had to say.
    if (error instanceof CommanderError) return;
    terminal.errors.write(`${describeError(error)}\n`);
    // What stands after -- belongs to the worker's command.
    const end = args.indexOf("--");
    if (args.slice(0, end === -1 ? undefined : end).includes("--json"))
      terminal.output.write(`${JSON.stringify(errorObject(error))}\n`);
  }
}
