// Runs simulations in a thread of its own: with the code as it is, or with one mutant of it.
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import type { Fault } from "./faults.ts";
import { mutated } from "./mutated.ts";
import { MUTANTS } from "./mutants.ts";

/** A seed to run, with its own faults or with these. */
export type Job = { readonly seed: number; readonly faults?: readonly Fault[]; readonly keepAll?: boolean };

const { mutant: index } = workerData as { mutant: number | null };

/** How functions find their ports when they are deployed. */
const WIRING = [/\/shared\/runtime\/(all|tuning|beat)-ports\.ts$/];

const mutant = index === null ? undefined : MUTANTS[index];
const files = mutant ? mutated(mutant) : new Map<string, string>();
registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    if (!WIRING.some((wiring) => wiring.test(found.url))) return found;
    return { ...found, url: new URL("ports-in-use.ts", import.meta.url).href };
  },
  load(url, context, next) {
    const loaded = next(url, context);
    const source = url.startsWith("file:") ? files.get(fileURLToPath(url)) : undefined;
    return source === undefined ? loaded : { ...loaded, source };
  },
});

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
