// `npm run study`: what the engine promises, shown by running it on fleets that are drawn.
import { availableParallelism } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { inParallel } from "../simulation/pool.ts";
import { writePictures } from "./draw.ts";
import type { Judged } from "./judge.ts";
import { MUTANTS } from "./mutants.ts";
import { ROWS } from "./rows.ts";
import type { Done, Job } from "./study-worker.ts";

const REPETITIONS = 2_000;
/** Enough to prove each mistake: they are gross. */
const MUTANT_REPETITIONS = 200;
const EXIT_USAGE = 64;
const PROGRESS_MS = 2_000;
/** Repetitions that a thread does at a time. */
const CHUNK = 50;

const HELP = `Runs the engine of experiments night after night on fleets whose truth is known, and holds what it decides
against what its method promises. Every repetition has its own seed, always the same.

  npm run study -- [--repetitions N] [--only TEXT] [--json]    every property (default: ${REPETITIONS} repetitions)
  npm run study -- --mutants [--repetitions N] [--json]        each known mistake must break a property (${MUTANT_REPETITIONS})

  npm run study -- --draw FOLDER                               the pictures of docs/EXPERIMENTS.md

  --only   properties whose words contain TEXT

A property fails only if chance alone would show it less than once in a thousand times.
Exit codes: 0 all properties held (or all mutants were caught), 1 not, ${EXIT_USAGE} wrong usage.
`;

const print = (line: string) => process.stdout.write(`${line}\n`);
const say = (line: string) => process.stderr.write(`${line}\n`);

type RowResult = Judged & { readonly property: string; readonly repetitions: number };

/** Threads that run jobs of rows, with the engine as it is or with one mistake. */
async function startThreads(mutant: number | null, count: number) {
  const workers = await Promise.all(
    Array.from({ length: count }, async () => {
      const worker = new Worker(path.join(import.meta.dirname, "study-worker.ts"), {
        workerData: { mutant },
      });
      await answerOf(worker);
      return worker;
    }),
  );
  const idle = [...workers];
  return {
    async run(job: Job): Promise<Done> {
      const worker = idle.pop();
      if (!worker) throw new Error("There are more jobs under way than threads.");
      const answer = answerOf(worker);
      worker.postMessage(job);
      const done = (await answer) as Done;
      idle.push(worker);
      return done;
    },
    close: () => Promise.all(workers.map((worker) => worker.terminate())),
  };
}

function answerOf(worker: Worker): Promise<unknown> {
  return new Promise<unknown>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  }).finally(() => worker.removeAllListeners("error"));
}

/** Runs these rows; stops early once `enough` says so. */
async function runRows(
  rows: readonly number[],
  repetitions: number,
  mutant: number | null,
  told: (result: RowResult) => void = () => undefined,
  enough: (results: readonly RowResult[]) => boolean = () => false,
): Promise<RowResult[]> {
  const count = availableParallelism();
  const threads = await startThreads(mutant, count);
  const results: RowResult[] = [];
  for (const index of rows) {
    const row = ROWS[index];
    if (!row || enough(results)) break;
    const wanted = Math.max(1, Math.round(repetitions * (row.part ?? 1)));
    const size = Math.max(1, Math.round(CHUNK * (row.part ?? 1)));
    const parts: Done[] = [];
    const jobs = Array.from({ length: Math.ceil(wanted / size) }, (_, i) => async () => {
      parts[i] = await threads.run({ row: index, from: i * size, to: Math.min(wanted, (i + 1) * size) });
    });
    await inParallel(jobs, count);
    const judged = row.judge(
      parts.flatMap(({ outcomes }) => outcomes),
      parts.flatMap(({ peers }) => peers),
    );
    const result = { property: row.property, ...judged, repetitions: wanted };
    results.push(result);
    told(result);
  }
  await threads.close();
  return results;
}

const numberOf = (value: number) => (Number.isInteger(value) ? String(value) : value.toPrecision(3));

async function studyAll(repetitions: number, only: string, json: boolean): Promise<boolean> {
  const chosen = [...ROWS.keys()].filter((index) => ROWS[index]?.property.includes(only));
  if (chosen.length === 0) {
    say(`No property has "${only}" in its words. Without --only all are run.`);
    return false;
  }
  let done = 0;
  const timer = setInterval(() => {
    say(`${done} of ${chosen.length} properties`);
  }, PROGRESS_MS);
  const rows = await runRows(chosen, repetitions, null, (row) => {
    done += 1;
    if (!json)
      print(
        `${row.pass ? "ok  " : "FAIL"} ${numberOf(row.value).padStart(8)}  bound ${numberOf(row.bound).padEnd(5)} ${row.property}`,
      );
  });
  clearInterval(timer);
  const failed = rows.filter(({ pass }) => !pass);
  print(
    json
      ? JSON.stringify({ repetitions, rows: rows.map(finite) })
      : `${rows.length} properties, ${failed.length} failed; ${repetitions} repetitions.`,
  );
  return failed.length === 0;
}

/** JSON has no infinity: a night that never came is null. */
const finite = (row: RowResult) => ({ ...row, value: Number.isFinite(row.value) ? row.value : null });

async function catchMutants(repetitions: number, json: boolean): Promise<boolean> {
  const all = [...ROWS.keys()];
  const survived: string[] = [];
  const caught: { mutant: string; property: string; value: number; bound: number }[] = [];
  for (const [index, { name }] of MUTANTS.entries()) {
    // Rows in the reverse order: those of one mistake each are last.
    const rows = await runRows([...all].reverse(), repetitions, index, undefined, (results) =>
      results.some(({ pass }) => !pass),
    );
    const failed = rows.find(({ pass }) => !pass);
    if (failed) caught.push({ mutant: name, ...failed });
    else survived.push(name);
    say(failed ? `caught: ${name} ("${failed.property}": ${numberOf(failed.value)})` : `SURVIVED: ${name}`);
  }
  print(
    json
      ? JSON.stringify({ mutants: MUTANTS.length, caught: caught.length, survived, by: caught })
      : `${MUTANTS.length} mutants, ${caught.length} caught.`,
  );
  return survived.length === 0;
}

function usage(problem: string): number {
  say(`${problem}\n\n${HELP}`);
  return EXIT_USAGE;
}

async function main(args: readonly string[]): Promise<number> {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        repetitions: { type: "string" },
        only: { type: "string", default: "" },
        mutants: { type: "boolean", default: false },
        draw: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.draw !== undefined) {
    for (const file of writePictures(values.draw)) print(file);
    return 0;
  }
  const repetitions = Number(values.repetitions ?? (values.mutants ? MUTANT_REPETITIONS : REPETITIONS));
  if (!Number.isInteger(repetitions) || repetitions < 1)
    return usage("--repetitions must be a whole number from 1 on.");
  const held = values.mutants
    ? await catchMutants(repetitions, values.json)
    : await studyAll(repetitions, values.only, values.json);
  return held ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
