// `npm run simulate`: many seeds in as many threads as there are cores, one seed exactly, or every mutant.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { catchMutants } from "./catch-mutants.ts";
import { COVERING_SEEDS, unreached } from "./coverage.ts";
import { MUTANTS } from "./mutants.ts";
import { inParallel, startRunner } from "./pool.ts";
import { shrink } from "./shrink.ts";
import type { Simulated } from "./simulation.ts";

const HELP = `Runs the control plane in memory under a clock of its own, with everything that can go wrong, and checks
its guarantees from what it did.

  npm run simulate -- [--seeds N] [--from S] [--json]     N different simulations (default: 200, from 1)
  npm run simulate -- --seed S [--history] [--json]       one of them, exactly as before
  npm run simulate -- --mutants [--seeds N] [--json]      each known mistake must be caught within N seeds (300)

With ${COVERING_SEEDS} seeds or more, every transition and outcome that is expected must be reached too.

Exit codes: 0 all guarantees held (or all mutants were caught), 1 not, 2 wrong usage.
`;

const PROGRESS_MS = 2_000;
const MUTANT_SEEDS = 300;
const HISTORY_SHOWN = 40;

const print = (line: string) => process.stdout.write(`${line}\n`);
const say = (line: string) => process.stderr.write(`${line}\n`);

/** Says where it is, every two seconds. */
function createProgress(total: number, unit: string) {
  let done = 0;
  const timer = setInterval(() => {
    say(`${done} of ${total} ${unit}`);
  }, PROGRESS_MS);
  return {
    step: () => {
      done += 1;
    },
    stop: () => {
      clearInterval(timer);
    },
  };
}

async function runSeeds(seeds: readonly number[]): Promise<Simulated[]> {
  const threads = Math.min(seeds.length, availableParallelism());
  const progress = createProgress(seeds.length, "seeds");
  const runners = await Promise.all(Array.from({ length: threads }, () => startRunner(null)));
  const idle = [...runners];
  const results: Simulated[] = [];
  await inParallel(
    seeds.map((seed) => async () => {
      const runner = idle.pop();
      if (!runner) throw new Error("There are more jobs under way than threads.");
      results.push(await runner.run({ seed }));
      idle.push(runner);
      progress.step();
    }),
    threads,
  );
  progress.stop();
  await Promise.all(runners.map((runner) => runner.close()));
  return results.sort((a, b) => a.seed - b.seed);
}

/** Says what broke, and with how few of its faults. */
async function explain(failed: Simulated): Promise<void> {
  const runner = await startRunner(null);
  const broken = new Set(failed.violations.map(({ guarantee }) => guarantee));
  const fails = async (faults: Simulated["faults"]) =>
    (await runner.run({ seed: failed.seed, faults })).violations.some(({ guarantee }) =>
      broken.has(guarantee),
    );
  say(
    `Seed ${failed.seed} breaks guarantee ${[...broken].join(", ")}; thinning out its ${failed.faults.length} faults ...`,
  );
  const needed = await shrink(failed.faults, fails);
  const again = await runner.run({ seed: failed.seed, faults: needed });
  await runner.close();
  for (const { guarantee, what } of again.violations.slice(0, 5)) say(`  guarantee ${guarantee}: ${what}`);
  say(`  with these faults: ${needed.map((fault) => JSON.stringify(fault)).join("\n    ") || "none at all"}`);
  say(`  the last that happened:\n    ${again.history.slice(-HISTORY_SHOWN).join("\n    ")}`);
  say(`  npm run simulate -- --seed ${failed.seed} --history`);
}

function reachedBy(results: readonly Simulated[]): Map<string, number> {
  const reached = new Map<string, number>();
  for (const result of results)
    for (const [what, count] of result.reached) reached.set(what, (reached.get(what) ?? 0) + count);
  return new Map([...reached].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function simulateMany(from: number, count: number, json: boolean): Promise<boolean> {
  const results = await runSeeds(Array.from({ length: count }, (_, i) => from + i));
  const failed = results.filter(({ violations }) => violations.length > 0);
  for (const result of failed.slice(0, 3)) await explain(result);
  const agentHours = Math.round(results.reduce((sum, result) => sum + result.agentHours, 0));
  const failures = failed.map(({ seed, violations }) => ({ seed, guarantee: violations[0]?.guarantee ?? 0 }));
  const reached = reachedBy(results);
  const missed = unreached(reached);
  if (!json) for (const [what, times] of reached) print(`${String(times).padStart(9)}  ${what}`);
  for (const what of missed) say(`never reached: ${what}`);
  print(
    json
      ? JSON.stringify({
          seeds: count,
          agentHours,
          violations: failed.length,
          failures,
          unreached: missed,
          reached: Object.fromEntries(reached),
        })
      : `${count} seeds, ${agentHours} agent-hours, ${failed.length} with a violation, ${missed.length} outcomes never reached.`,
  );
  return failed.length === 0 && (count < COVERING_SEEDS || missed.length === 0);
}

async function simulateOne(seed: number, history: boolean, json: boolean): Promise<boolean> {
  const runner = await startRunner(null);
  const result = await runner.run({ seed, keepAll: history });
  await runner.close();
  const { violations, agentHours, historyHash } = result;
  if (history) for (const line of result.history) print(line);
  for (const { guarantee, what } of violations) say(`guarantee ${guarantee}: ${what}`);
  print(
    json
      ? JSON.stringify({
          seed,
          seeds: 1,
          agentHours: Math.round(agentHours),
          violations: violations.length,
          failures: violations.map(({ guarantee }) => ({ seed, guarantee })).slice(0, 1),
          historyHash,
        })
      : `Seed ${seed}: ${agentHours.toFixed(1)} agent-hours, ${violations.length} violations, history ${historyHash}`,
  );
  return violations.length === 0;
}

async function simulateMutants(seeds: number, json: boolean): Promise<boolean> {
  const progress = createProgress(MUTANTS.length, "mutants");
  const survived: string[] = [];
  await catchMutants(seeds, ({ name, caught }) => {
    progress.step();
    if (!caught) survived.push(name);
    if (json) return;
    print(
      caught ? `caught  ${name} (seed ${caught.seed}, guarantee ${caught.guarantee})` : `SURVIVED  ${name}`,
    );
  });
  progress.stop();
  const caught = MUTANTS.length - survived.length;
  print(
    json
      ? JSON.stringify({ mutants: MUTANTS.length, caught, survived })
      : `${caught} of ${MUTANTS.length} mutants caught.`,
  );
  return survived.length === 0;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(`--${name} must be a positive whole number, not "${text}".`);
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string" },
      from: { type: "string", default: "1" },
      seed: { type: "string" },
      history: { type: "boolean", default: false },
      mutants: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return true;
  }
  if (values.mutants)
    return simulateMutants(positive("seeds", values.seeds ?? String(MUTANT_SEEDS)), values.json);
  if (values.seed !== undefined)
    return simulateOne(positive("seed", values.seed), values.history, values.json);
  return simulateMany(positive("from", values.from), positive("seeds", values.seeds ?? "200"), values.json);
}

const isUsage = (error: unknown) =>
  error instanceof RangeError ||
  (error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS"));

main().then(
  (held) => {
    process.exit(held ? 0 : 1);
  },
  (error: unknown) => {
    say(isUsage(error) ? `${(error as Error).message}\n\n${HELP}` : String((error as Error).stack ?? error));
    process.exit(isUsage(error) ? 2 : 1);
  },
);
