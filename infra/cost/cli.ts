// `npm run cost`: what a fleet costs a month, from operations counted on the real handlers.
import { parseArgs } from "node:util";
import { findRedisServer } from "../local/redis-server-child.ts";
import type { FleetLoad } from "./load.ts";
import { measure, readStack } from "./measure.ts";
import { format } from "./print.ts";
import { report } from "./report.ts";

const USAGE = `Usage: npm run cost -- [options]

Counts what beats, tasks and sweeps use of every service that bills, by running the real functions over the embedded cloud, and says
what a month costs. Takes about a minute; needs redis-server, which counts commands inside of scripts.

  --agents N          sessions, ten to a host (default: 1000)
  --interval-s S      seconds between two beats of a host (default: 10)
  --tasks-per-day N   tasks (default: 100000)
  --json              print one JSON object as the last line
  --help              print this

Exits 1 if a promise is broken, 64 if it was called wrongly.
`;
const EXIT_USAGE = 64;

function readFlags(args: string[]): (FleetLoad & { json: boolean; help: boolean }) | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        agents: { type: "string", default: "1000" },
        "interval-s": { type: "string", default: "10" },
        "tasks-per-day": { type: "string", default: "100000" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const positive = (name: "agents" | "interval-s" | "tasks-per-day"): number => {
      const value = Number(values[name]);
      if (Number.isFinite(value) && value > 0) return value;
      throw new Error(`--${name} must be a number above 0, not "${values[name]}".`);
    };
    return {
      agents: positive("agents"),
      intervalS: positive("interval-s"),
      tasksPerDay: positive("tasks-per-day"),
      json: values.json,
      help: values.help,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function main(): Promise<number> {
  const flags = readFlags(process.argv.slice(2));
  if (typeof flags === "string") {
    process.stderr.write(`${flags}\n\n${USAGE}`);
    return EXIT_USAGE;
  }
  if (flags.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (findRedisServer() === undefined)
    throw new Error("redis-server is not on PATH. Install it (apt-get install redis-server) and try again.");
  process.stderr.write("cost: counting what beats, tasks and sweeps use, at the pace of the tasks\n");
  const [measured, stack] = await Promise.all([measure(flags.tasksPerDay), readStack("production")]);
  const result = report(flags, measured, stack);
  if (!flags.json) process.stdout.write(`${format(result, flags)}\n`);
  else process.stdout.write(`${JSON.stringify(result)}\n`);
  return result.promises.every(({ kept }) => kept) ? 0 : 1;
}

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => process.exit(signal === "SIGINT" ? 130 : 143));
main().then(
  (code) => {
    process.exit(code);
  },
  (error: unknown) => {
    process.stderr.write(`cost: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
