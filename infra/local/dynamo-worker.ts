// Runs dynalite in a thread of its own: it is the busiest part of the embedded cloud, and it throws from
// callbacks, which would end the whole process. Started by dynamo.ts; speaks over the thread's port.
import { parentPort, workerData } from "node:worker_threads";
import dynalite from "dynalite";
import { KEEP_ALIVE_MS, listenOnLoopback } from "./free-port.ts";

export type DynamoWorkerData = { path: string | null };
export type DynamoWorkerMessage = { port: number };

const { path } = workerData as DynamoWorkerData;
const server = dynalite({ path: path ?? undefined, createTableMs: 0 });

let closing = false;
process.on("uncaughtException", (error: NodeJS.ErrnoException) => {
  // dynalite throws when a client hangs up in the middle of a request: that request is over, and nothing else. It throws,
  // too, when one is still under way as its database is closed.
  if (error.code !== "ECONNRESET" && !closing) throw error;
});

server.keepAliveTimeout = KEEP_ALIVE_MS;
const port = await listenOnLoopback(server);

parentPort?.on("message", () => {
  closing = true;
  server.close(() => parentPort?.close());
  server.closeAllConnections();
});
parentPort?.postMessage({ port } satisfies DynamoWorkerMessage);
