// `npm run weigh`: what each function's bundle weighs, and which packages make most of it. Part of the build.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { type FunctionWeight, weighFunctions } from "./weigh-functions.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const EXIT_USAGE = 64;
const USAGE = `Usage: npm run weigh [-- --json]

Bundles every function as \`sst deploy\` does, minified, and prints what it weighs in KB (1,000 bytes) and which packages make
most of it.

  --json   print {"functions":[{"name","bytes","packages":[[name,bytes]]}]} as the last line
`;
/** How many packages of each are named. */
const NAMED = 4;

const inKb = (bytes: number) => `${(bytes / 1_000).toFixed(0)} KB`;

function format({ name, bytes, packages }: FunctionWeight): string {
  const named = packages.slice(0, NAMED).map(([of, each]) => `${of} ${inKb(each)}`);
  return `${name.padEnd(12)} ${inKb(bytes).padStart(8)}   ${named.join(", ")}`;
}

async function weigh(): Promise<FunctionWeight[]> {
  const folder = await mkdtemp(path.join(tmpdir(), "shim-weigh-"));
  try {
    return await weighFunctions(ROOT, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function readFlags(): { readonly json: boolean; readonly help: boolean } | string {
  try {
    const options = {
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    } as const;
    return parseArgs({ options }).values;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const flags = readFlags();
if (typeof flags === "string") {
  process.stderr.write(`${flags}\n\n${USAGE}`);
  process.exitCode = EXIT_USAGE;
} else if (flags.help) process.stdout.write(USAGE);
else {
  const functions = await weigh();
  process.stdout.write(`${functions.map(format).join("\n")}\n`);
  if (flags.json) process.stdout.write(`${JSON.stringify({ functions })}\n`);
}
