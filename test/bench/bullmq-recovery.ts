import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import type { BullMq, Connection } from "./bullmq-peer.ts";

const WORKER = path.join(import.meta.dirname, "bullmq-worker.ts");

type WorkerProcess = { readonly child: ChildProcess; said(line: string): Promise<void> };

function startWorker(queue: string, connection: Connection): WorkerProcess {
  const args = [WORKER, queue, JSON.stringify(connection)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = new Set<string>();
  const output = createInterface(child.stdout);
  output.on("line", (line) => lines.add(line));
  return {
    child,
    async said(line) {
      while (!lines.has(line)) await once(output, "line");
    },
  };
}

/** From `kill -9` of the worker of a job to the same job started by another that is already there. Milliseconds. */
export async function measureBullMqKill(
  { Queue }: BullMq,
  connection: Connection,
  name: string,
): Promise<number> {
  const queue = new Queue(name, { connection });
  const victim = startWorker(name, connection);
  let heir: WorkerProcess | undefined;
  try {
    await victim.said("ready");
    await queue.add("job", {});
    await victim.said("started job");
    heir = startWorker(name, connection);
    await heir.said("ready");
    const killedMs = performance.now();
    victim.child.kill("SIGKILL");
    await heir.said("started job");
    return performance.now() - killedMs;
  } finally {
    victim.child.kill("SIGKILL");
    heir?.child.kill("SIGKILL");
    await queue.obliterate({ force: true });
    await queue.close();
  }
}
