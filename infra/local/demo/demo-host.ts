import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import path from "node:path";
import { cleanEnvironment } from "./environment.ts";
import type { DemoFolder } from "./folder.ts";
import { PROJECT, PUBLISH_PREFIX } from "./repository.ts";

export const SESSIONS_PER_HOST = 2;

const SHIM = path.join(PROJECT, "agent/cli.ts");
const TASK_PROGRAM = path.join(PROJECT, "infra/local/demo/task.ts");
const STOP_WITHIN_MS = 10_000;

/** A real `shim worker`: the supervisor of one host. */
export type DemoHost = {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<void>;
  /** At once, as a power cut would. Its children die with it by themselves. */
  kill(): Promise<void>;
  /** Lets it finish what it has; kills it if that takes too long. */
  stop(): Promise<void>;
};

export function startDemoHost(
  name: string,
  folder: DemoFolder,
  cloud: { readonly url: string; readonly adminKey: string },
): DemoHost {
  const flags = ["--host", name, "--sessions", String(SESSIONS_PER_HOST), "--adapter", "command", "--json"];
  const publishing = ["--worktrees", folder.worktrees, "--publish", PUBLISH_PREFIX];
  const log = openSync(folder.log(name), "a");
  const child = spawn(
    process.execPath,
    [SHIM, "worker", ...flags, ...publishing, "--show-output", "--", process.execPath, TASK_PROGRAM],
    {
      cwd: folder.repository,
      env: cleanEnvironment({
        SHIM_URL: cloud.url,
        SHIM_KEY: cloud.adminKey,
        SHIM_DEMO_HOST: name,
        SHIM_DEMO_ATTEMPTS: folder.attempts,
        // A killed supervisor leaves its attempts' files behind; here they go with the folder.
        TMPDIR: folder.temporary,
        NODE_COMPILE_CACHE: folder.compiled,
      }),
      stdio: ["ignore", "ignore", log],
    },
  );
  closeSync(log);
  const exited = once(child, "exit").then(() => undefined);
  const { pid } = child;
  if (pid === undefined) throw new Error(`The host ${name} could not be started.`);
  return {
    name,
    pid,
    exited,
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}
