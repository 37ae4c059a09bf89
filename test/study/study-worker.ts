// Runs rows of the study in a thread of its own: with the engine as it is, or with one mistake in it.
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { mutated } from "../simulation/mutated.ts";
import { MUTANTS } from "./mutants.ts";

/** Repetitions of one row, from `from` to before `to`. */
export type Job = { readonly row: number; readonly from: number; readonly to: number };
export type Done = { readonly outcomes: readonly number[]; readonly peers: readonly number[] };

const { mutant: index } = workerData as { mutant: number | null };
const mutant = index === null ? undefined : MUTANTS[index];
const files = mutant ? mutated(mutant) : new Map<string, string>();
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const source = url.startsWith("file:") ? files.get(fileURLToPath(url)) : undefined;
    return source === undefined ? loaded : { ...loaded, source };
  },
});

const { ROWS, repeat } = await import("./rows.ts");
const port = parentPort;
if (!port) throw new Error("Run study.ts instead: this file is its thread.");
port.on("message", ({ row, from, to }: Job) => {
  const chosen = ROWS[row];
  if (!chosen) throw new Error(`There is no row ${row}.`);
  repeat(chosen, from, to).then(
    ([outcomes, peers]) => {
      port.postMessage({ outcomes, peers } satisfies Done);
    },
    (error: unknown) => {
      // The thread's own error: whoever waits for its answer hears of it.
      setImmediate(() => {
        throw error;
      });
    },
  );
});
port.postMessage("ready");
