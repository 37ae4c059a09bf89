import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import * as z from "zod/mini";
import type { BenchOptions, BenchResult, BenchRow } from "./benchmark.ts";

const UNITS = 1_000_000;
const TIME_LIMIT_S = 60;
const MEMORY_LIMIT_MB = 512;
const MIB = 1024 * 1024;
const RUNS = 1;

const Night = z.object({ tookMs: z.number(), analysed: z.int(), peakBytes: z.number() });
const run = promisify(execFile);

/** One night over a million units in 20 experiments, none of which was counted before: the worst night there is. */
export async function measureNights({ n, seed, onProgress }: BenchOptions): Promise<BenchResult> {
  const runs = n ?? RUNS;
  const nights: z.infer<typeof Night>[] = [];
  for (let i = 0; i < runs; i++) {
    onProgress(`night ${i + 1} of ${runs}: ${UNITS.toLocaleString("en")} units in 20 experiments`);
    const child = path.join(import.meta.dirname, "nightly-child.ts");
    const { stdout } = await run(process.execPath, [child, String(seed + i), String(UNITS)]);
    nights.push(Night.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")));
  }
  const worst = (of: (night: z.infer<typeof Night>) => number) => Math.max(...nights.map(of));
  const row = (name: string, ours: number, unit: string, limit: number | null): BenchRow => ({
    name,
    ours,
    unit,
    peer: null,
    limit,
    ratio: null,
    n: runs,
  });
  return {
    rows: [
      row(
        "units analysed",
        worst(({ analysed }) => analysed),
        "units",
        null,
      ),
      row(
        "a night's time",
        worst(({ tookMs }) => Math.round(tookMs) / 1_000),
        "s",
        TIME_LIMIT_S,
      ),
      row(
        "a night's memory, at most",
        worst(({ peakBytes }) => Math.round(peakBytes / MIB)),
        "MB",
        MEMORY_LIMIT_MB,
      ),
    ],
    notes: [
      "The nightly function's own code in a process of its own: each unit is parsed from JSON, checked by its schema and counted, as a page",
      "of the table would be. The pages are made up as they are asked for: the time of DynamoDB's answers is not in it. Slowest of the runs.",
    ],
  };
}
