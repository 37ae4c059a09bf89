import path from "node:path";
import { createInterface } from "node:readline/promises";
import { Argument, type Command } from "commander";
import { createTwoFilesPatch } from "diff";
import { claudeFiles, codexFiles, type ShimCommand } from "../attach/agent-configs.ts";
import { applyInit, applyRemoval, type Change, planInit, planRemoval } from "../attach/init-project.ts";
import { EXIT_CODES } from "../exit-code.ts";
import { print, type Terminal } from "./context.ts";
import { isExecutable } from "./executable.ts";

type InitFlags = { readonly remove?: boolean; readonly yes?: boolean; readonly json?: boolean };

const FILES = { claude: claudeFiles, codex: codexFiles } as const;

export function addInitCommand(program: Command, terminal: Terminal): void {
  program
    .command("init")
    .description("let the agents of this project be watched over: write their hooks and MCP configuration")
    .addArgument(new Argument("<agent>", "whose configuration").choices(Object.keys(FILES)))
    .option("--remove", "take it back, exactly")
    .option("--yes", "do not ask")
    .option("--json", "print one JSON object as the last line")
    .addHelpText(
      "after",
      "\nExamples:\n  $ shim init claude\n  $ shim init codex --yes\n  $ shim init claude --remove",
    )
    .action((agent: keyof typeof FILES, flags: InitFlags) => init(agent, flags, terminal));
}

async function init(agent: keyof typeof FILES, flags: InitFlags, terminal: Terminal): Promise<void> {
  const files = FILES[agent](shimCommand(terminal));
  const changes = await (flags.remove ? planRemoval : planInit)(terminal.cwd, files);
  const pending = changes.filter(({ before, after }) => before !== after);
  const answer = (written: boolean) => ({
    agent,
    written,
    files: pending.map(({ file, after }) => ({ file, removed: after === null })),
  });
  if (pending.length === 0) {
    const found = flags.remove ? "nothing of it is here" : "all of it is here already";
    print(terminal, flags, answer(false), () => `Nothing to do: ${found}.`);
    return;
  }
  for (const change of pending) terminal.errors.write(patchOf(change));
  if (!flags.yes && !(await confirmed(terminal))) {
    print(terminal, flags, answer(false), () => "Nothing was written. With --yes it is, without a question.");
    terminal.exitCode = EXIT_CODES.failed;
    return;
  }
  await (flags.remove ? applyRemoval : applyInit)(terminal.cwd, changes);
  print(terminal, flags, answer(true), () =>
    flags.remove
      ? `Taken back: ${agent} in this project is as it was.`
      : `Written. From its next start on, ${agent} in this project registers as a session by itself.`,
  );
}

function patchOf({ file, before, after }: Change): string {
  const [from, to] = [before === null ? "/dev/null" : file, after === null ? "/dev/null" : file];
  return createTwoFilesPatch(from, to, before ?? "", after ?? "").replace(/^=+\n/, "");
}

async function confirmed({ input, errors }: Terminal): Promise<boolean> {
  if (!input.isTTY) return false;
  const lines = createInterface({ input, output: errors });
  try {
    return /^y(es)?$/i.test((await lines.question("Write this? [y/N] ")).trim());
  } finally {
    lines.close();
  }
}

/** `shim` where that is installed, else this very program by its path. */
function shimCommand(terminal: Terminal): ShimCommand {
  if (isExecutable("shim", terminal)) return ["shim"];
  return [process.execPath, path.resolve(process.argv[1] ?? "shim")];
}
