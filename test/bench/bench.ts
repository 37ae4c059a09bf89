// `npm run bench -- NAME`: measures one benchmark, and fails if a row is over its limit.
import { parseArgs } from "node:util";
import type { Benchmark, BenchResult } from "./benchmark.ts";

/** Loaded when asked for: no benchmark pays for another's imports. */
const BENCHMARKS: Readonly<Record<string, () => Promise<Benchmark>>> = {
  recovery: async () => (await import("./recovery.ts")).measureRecovery,
  scale: async () => (await import("./scale.ts")).measureScale,
  coldstart: async () => (await import("./coldstart.ts")).measureColdStarts,
  queue: async () => (await import("./queue.ts")).measureQueue,
  nightly: async () => (await import("./nightly.ts")).measureNights,
  checkpoint: async () => (await import("./checkpoint.ts")).measureCheckpoints,
};

const USAGE = `Usage: npm run bench -- NAME [--n COUNT] [--seed NUMBER] [--json]

  NAME     ${Object.keys(BENCHMARKS).join(", ")}
  --n      how often each row is measured (default: what its limit is promised for)
  --seed   of every random choice (default: 1)
  --json   print {"rows":[{"name","ours","unit","peer","limit","ratio","n"}]} as the last line

Progress goes to standard error. Exits 1 if a row is over its limit, 64 if it was called wrongly.
`;
const EXIT_USAGE = 64;

type Flags = {
  readonly name: string;
  readonly n: number | null;
  readonly seed: number;
  readonly json: boolean;
};

function readFlags(args: readonly string[]): Flags | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        n: { type: "string" },
        seed: { type: "string", default: "1" },
        json: { type: "boolean", default: false },
      },
    });
    const [name, ...others] = positionals;
    if (name === undefined || others.length > 0) return "Name one benchmark.";
    if (!Object.hasOwn(BENCHMARKS, name)) return `There is no benchmark "${name}".`;
    const n = values.n === undefined ? null : Number(values.n);
    if (n !== null && !(Number.isInteger(n) && n > 0)) return "--n must be a whole number above 0.";
    const seed = Number(values.seed);
    if (!Number.isInteger(seed)) return "--seed must be a whole number.";
    return { name, n, seed, json: values.json };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function formatResult({ rows, notes }: BenchResult): string {
  const lines = rows.map(({ name, ours, unit, peer, limit, ratio, n }) =>
    [
      name.padEnd(34),
      `${ours} ${unit}`.padStart(20),
      `limit ${limit ?? "-"}`.padStart(14),
      `peer ${peer ?? "-"}`.padStart(12),
      `ratio ${ratio ?? "-"}`.padStart(14),
      `n ${n}`.padStart(7),
    ].join("  "),
  );
  return `${[...lines, "", ...notes].join("\n")}\n`;
}

const flags = readFlags(process.argv.slice(2));
if (typeof flags === "string") {
  process.stderr.write(`${flags}\n\n${USAGE}`);
  process.exit(EXIT_USAGE);
}
// An exit of its own: what must be gone afterwards is removed when the process exits, not when a signal ends it.
for (const [signal, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15],
] as const)
  process.once(signal, () => process.exit(128 + number));
const measure = await BENCHMARKS[flags.name]?.();
const result = await measure?.({
  n: flags.n,
  seed: flags.seed,
  onProgress: (line) => process.stderr.write(`${line}\n`),
});
if (!result) throw new Error(`There is no benchmark "${flags.name}".`);
process.stdout.write(formatResult(result));
if (flags.json) process.stdout.write(`${JSON.stringify({ rows: result.rows })}\n`);
const late = result.rows.filter(({ ours, limit }) => limit !== null && ours > limit);
for (const { name, ours, unit, limit } of late)
  process.stderr.write(`${name}: ${ours} ${unit} is over its limit of ${limit ?? "-"} ${unit}.\n`);
process.exitCode = late.length > 0 ? 1 : 0;
