// `npm run stats`: asks one of the statistical methods, for checking them against values that others have published.
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import * as z from "zod/mini";
import en from "zod/v4/locales/en.js";
import { METHODS, answer, isMethodName } from "../../shared/domain/statistics/methods.ts";

const USAGE = `Usage: npm run stats -- METHOD 'JSON'
       npm run stats -- --stdin

Answers one question of statistics, and prints the result as one line of JSON. The shapes of all questions, with an example of each,
are in test/fixtures/statistics-samples.json.

  --stdin    read questions from standard input, one {"method": ..., "input": ...} a line, and print one result a line, in
             the same order. An "id" is repeated in its result. A bad line prints {"error": ...} in its place
  --list     print the names of the methods
  --help     print this

Numbers that JSON does not have are strings: "Infinity", "-Infinity". An infinite standard error or bound means that
there is not enough data to know.

Exits 64 if it was called wrongly or the question is bad; with --stdin 1 if any line was bad.
`;
const EXIT_USAGE = 64;

z.config(en());

type Answer = { readonly result: object } | { readonly error: string };

function ask(method: unknown, input: unknown): Answer {
  if (typeof method !== "string" || !isMethodName(method))
    return {
      error: `There is no method ${typeof method === "string" ? JSON.stringify(method) : "without a name"}. Take one of: ${Object.keys(METHODS).join(", ")}.`,
    };
  const answered = answer(method, input);
  if (answered.kind === "answered") return { result: answered.result };
  return {
    error: `${method} can not use this input: ${answered.problems.join("; ")}. An example of its shape is in test/fixtures/statistics-samples.json.`,
  };
}

function askJson(method: string, json: string): Answer {
  // Which method comes first: its shape is what the input should have been.
  if (!isMethodName(method)) return ask(method, null);
  const parsed = parseJson(json);
  if ("error" in parsed) return { error: `${parsed.error} In a shell, put it between single quotes.` };
  return ask(method, parsed.value);
}

function parseJson(json: string): { readonly value: unknown } | { readonly error: string } {
  try {
    return { value: JSON.parse(json) as unknown };
  } catch (error) {
    return {
      error: `The input is no JSON: ${error instanceof Error ? error.message : String(error)}.`,
    };
  }
}

/** JSON in which numbers without a form of their own are strings, where `JSON.stringify` would say null. */
function print(value: object): void {
  const line = JSON.stringify(value, (_key, member: unknown) =>
    typeof member === "number" && !Number.isFinite(member) ? String(member) : member,
  );
  process.stdout.write(`${line}\n`);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function askLine(line: string): object {
  const parsed = parseJson(line);
  if ("error" in parsed) return parsed;
  if (!isObject(parsed.value))
    return { error: 'A line must be one JSON object: {"method": ..., "input": ...}.' };
  const { id, method, input } = parsed.value;
  const answered = ask(method, input);
  const echo = id === undefined ? {} : { id };
  return "error" in answered ? { ...echo, ...answered } : { ...echo, ...answered.result };
}

async function askLines(): Promise<number> {
  let bad = false;
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === "") continue;
    const answered = askLine(line);
    bad ||= "error" in answered;
    print(answered);
  }
  return bad ? 1 : 0;
}

function fail(message: string): number {
  process.stderr.write(`stats: ${message}\n`);
  return EXIT_USAGE;
}

function readFlags() {
  return parseArgs({
    allowPositionals: true,
    options: {
      stdin: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
}

async function main(): Promise<number> {
  let flags: ReturnType<typeof readFlags>;
  try {
    flags = readFlags();
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
  const { values, positionals } = flags;
  if (values.help) process.stdout.write(USAGE);
  else if (values.list) process.stdout.write(`${Object.keys(METHODS).join("\n")}\n`);
  else if (values.stdin && positionals.length === 0) return askLines();
  else {
    const [method, json] = positionals;
    if (values.stdin || method === undefined || json === undefined || positionals.length > 2)
      return fail(`It takes a method and its input as JSON, or --stdin and neither.\n\n${USAGE}`);
    const answered = askJson(method, json);
    if ("error" in answered) return fail(answered.error);
    print(answered.result);
  }
  return 0;
}

process.exitCode = await main();
