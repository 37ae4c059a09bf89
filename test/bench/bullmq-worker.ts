// A BullMQ worker at its defaults, as a process that can be killed: says what it starts, and never finishes it.
import { type Connection, requireBullMq } from "./bullmq-peer.ts";

const [queue = "", connection = ""] = process.argv.slice(2);
const { Worker } = requireBullMq();
const worker = new Worker(
  queue,
  (job) => {
    process.stdout.write(`started ${job.name}\n`);
    return new Promise(() => undefined);
  },
  { connection: JSON.parse(connection) as Connection, concurrency: 1 },
);
worker.on("error", (error) => process.stderr.write(`${error.message}\n`));
await worker.waitUntilReady();
process.stdout.write("ready\n");
// It outlives nobody: its pipe closes when the benchmark ends, however that ends.
process.stdin.resume().once("end", () => process.exit());
