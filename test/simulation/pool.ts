import path from "node:path";
import { Worker } from "node:worker_threads";
import type { Simulated } from "./simulation.ts";
import type { Job } from "./worker.ts";

type Message = { readonly result?: Simulated; readonly error?: string; readonly ready?: true };

/** One thread that runs simulations one after the other. */
export type Runner = { run(job: Job): Promise<Simulated>; close(): Promise<unknown> };

/** @param mutant index of the mistake to make, or null for the code as it is */
export async function startRunner(mutant: number | null): Promise<Runner> {
  const worker = new Worker(path.join(import.meta.dirname, "worker.ts"), { workerData: { mutant } });
  const next = () =>
    new Promise<Message>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    }).finally(() => worker.removeAllListeners("error"));
  await next();
  return {
    async run(job) {
      const answer = next();
      worker.postMessage(job);
      const { result, error } = await answer;
      if (!result) throw new Error(`Seed ${job.seed}: ${error ?? "no answer"}`);
      return result;
    },
    close: () => worker.terminate(),
  };
}

/** Runs one job after the other in so many threads. */
export async function inParallel(jobs: readonly (() => Promise<void>)[], threads: number): Promise<void> {
  const rest = [...jobs];
  const work = async () => {
    for (let job = rest.shift(); job; job = rest.shift()) await job();
  };
  await Promise.all(Array.from({ length: threads }, work));
}
