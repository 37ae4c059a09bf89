import { fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cleanEnvironment } from "./environment.ts";

/** What the demo asks of its cloud's process, and what that says. */
export type CloudOrder = "wipe" | "stop";
export type CloudReport =
  | { readonly kind: "ready"; readonly url: string; readonly adminKey: string; readonly redis: string }
  | { readonly kind: "wiped" };

export type DemoCloud = {
  readonly pid: number;
  readonly url: string;
  readonly adminKey: string;
  /** The Redis it runs on. */
  readonly redis: string;
  /** Loses all that Redis holds. */
  wipeRedis(): Promise<void>;
  /** Stops it in order; kills it if that takes too long. */
  close(): Promise<void>;
};

const PROGRAM = fileURLToPath(new URL("cloud-process.ts", import.meta.url));
const CLOSE_WITHIN_MS = 5_000;

/** Starts an embedded cloud in a process of its own; what it logs goes to `logFile`. Throws if it does not start. */
export async function startDemoCloud(stateDir: string, logFile: string): Promise<DemoCloud> {
  const log = openSync(logFile, "a");
  const child = fork(PROGRAM, [stateDir], {
    env: cleanEnvironment(),
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const exited = once(child, "exit");
  const report = async (kind: CloudReport["kind"]): Promise<CloudReport> => {
    const ended = exited.then(() => {
      throw new Error(`The embedded cloud ended by itself. ${logFile} says why.`);
    });
    // Its end is awaited here only while a report is.
    ended.catch(() => undefined);
    const [message] = (await Promise.race([once(child, "message"), ended])) as [CloudReport];
    if (message.kind !== kind) throw new Error(`The embedded cloud said ${message.kind}, not ${kind}.`);
    return message;
  };

  const ready = await report("ready");
  if (ready.kind !== "ready" || child.pid === undefined)
    throw new Error("The embedded cloud has no process.");
  return {
    pid: child.pid,
    url: ready.url,
    adminKey: ready.adminKey,
    redis: ready.redis,
    async wipeRedis() {
      const wiped = report("wiped");
      child.send("wipe" satisfies CloudOrder);
      await wiped;
    },
    async close() {
      if (child.connected) child.send("stop" satisfies CloudOrder);
      const timer = setTimeout(() => child.kill("SIGKILL"), CLOSE_WITHIN_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}
