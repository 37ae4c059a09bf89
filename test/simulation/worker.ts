// Runs simulations in a thread of its own: with the code as it is, or with one mutant of it.
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import type { Fault } from "./faults.ts";
import { MUTANTS } from "./mutants.ts";

/** A seed to run, with its own faults or with these. */
export type Job = { readonly seed: number; readonly faults?: readonly Fault[]; readonly keepAll?: boolean };

const ROOT = path.resolve(import.meta.dirname, "../..");
const { mutant: index } = workerData as { mutant: number | null };

const mutant = index === null ? undefined : MUTANTS[index];
if (mutant) {
  const file = path.join(ROOT, mutant.file);
  const code = readFileSync(file, "utf8");
  if (code.split(mutant.find).length !== 2)
    throw new Error(
      `The mutant "${mutant.name}" has no place, or several, in ${mutant.file}: mend test/simulation/mutants.ts.`,
    );
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      return url.startsWith("file:") && fileURLToPath(url) === file
        ? { ...loaded, source: code.replace(mutant.find, () => mutant.replace) }
        : loaded;
    },
  });
}

const { simulate } = await import("./simulation.ts");
const port = parentPort;
if (!port) throw new Error("Run simulate.ts instead: this file is its thread.");
port.on("message", (job: Job) => {
  simulate(job.seed, job).then(
    (result) => {
      port.postMessage({ result });
    },
    (error: unknown) => {
      port.postMessage({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    },
  );
});
port.postMessage({ ready: true });
