// The demo's embedded cloud, in a process of its own: the demo starts it, and tells it over their channel what to do.
import { Console } from "node:console";
import { ensureAdminKey } from "../admin-key.ts";
import { startCloud } from "../cloud.ts";
import type { CloudOrder, CloudReport } from "./demo-cloud.ts";

// Handlers write their log lines to the console; standard output is the demo's.
globalThis.console = new Console(process.stderr);
// Ctrl-C reaches the whole terminal: the demo ends this process when it needs it no more.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

const [stateDir = null] = process.argv.slice(2);
const cloud = await startCloud({ stateDir, port: 0, profile: "fast" });
const adminKey = await ensureAdminKey(cloud.url, cloud.state);

process.on("message", (order: CloudOrder) => {
  if (order === "stop") void stop();
  else void cloud.redis.flushAll().then(() => tell({ kind: "wiped" }));
});
// However the demo ended, nothing of it goes on.
process.on("disconnect", () => void stop());

async function stop(): Promise<void> {
  await cloud.close();
  process.exit(0);
}

async function tell(report: CloudReport): Promise<void> {
  await new Promise((resolve) => process.send?.(report, resolve));
}

if (process.connected) await tell({ kind: "ready", url: cloud.url, adminKey, redis: cloud.redis.engine });
else await stop();
