import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll } from "vitest";
import { type CloudProcess, startCloudProcess } from "../fixtures/cloud-process.ts";

export type TestCloud = {
  /** Of the process that runs now. */
  readonly current: () => CloudProcess;
  /** Kills it where it stands. */
  kill(): Promise<void>;
  /** Starts it again with the same state folder, on the same port. */
  restart(): Promise<void>;
};

/** One embedded cloud in a process of its own for a test file. */
export function useCloudProcess(): TestCloud {
  const stateDir = mkdtempSync(path.join(tmpdir(), "shim-state-"));
  let running: CloudProcess | undefined;
  const current = () => {
    if (!running) throw new Error("The embedded cloud runs only inside of tests.");
    return running;
  };
  beforeAll(async () => {
    running = await startCloudProcess({ stateDir });
  });
  afterAll(async () => {
    await running?.kill();
    rmSync(stateDir, { recursive: true, force: true, maxRetries: 5 });
  });
  return {
    current,
    kill: () => current().kill(),
    restart: async () => {
      running = await startCloudProcess({ stateDir, port: current().port });
    },
  };
}
