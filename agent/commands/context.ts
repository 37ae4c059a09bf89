import type { Command, CommandOptions } from "commander";
import { type Connection, findConnection } from "../connection.ts";
import { createHttp, type Http } from "../http.ts";

/** The process as the commands see it. */
export type Terminal = {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly errors: NodeJS.WriteStream;
  /** What the command leaves with, of EXIT_CODES. */
  exitCode: number;
};

export type CommonOptions = { readonly url?: string; readonly key?: string; readonly json?: boolean };

/** What an operator's command works with. */
export type Operator = { readonly http: Http; readonly key: string };

export function connect(terminal: Terminal, options: CommonOptions): Connection {
  return findConnection(options, terminal.env, terminal.cwd);
}

export function openOperator(terminal: Terminal, options: CommonOptions): Operator {
  const { url, key } = connect(terminal, options);
  return { http: createHttp(url), key };
}

/** A subcommand of `program` with the options that all have, and examples below its help. */
export function addCommand(
  program: Command,
  usage: string,
  description: string,
  examples: readonly string[],
  /** `isDefault`: of a group, what is meant if none of its commands is named. */
  options: CommandOptions = {},
): Command {
  return program
    .command(usage, options)
    .description(description)
    .option("--url <url>", "the server (else SHIM_URL, else .shim/credentials.json)")
    .option("--key <key>", "an API key (else SHIM_KEY, else .shim/credentials.json)")
    .option("--json", "print one JSON object as the last line")
    .addHelpText("after", `\nExamples:\n${examples.map((example) => `  $ ${example}`).join("\n")}`);
}

/** Prints the answer: as one line of JSON, or in words. */
export function print(terminal: Terminal, options: CommonOptions, answer: object, words: () => string): void {
  terminal.output.write(`${options.json ? JSON.stringify(answer) : words()}\n`);
}
