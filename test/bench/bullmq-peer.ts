import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import * as z from "zod/mini";

const FOLDER = path.join(import.meta.dirname, "bullmq");
const INSTALLED = path.join(FOLDER, "node_modules/bullmq/package.json");
const Package = z.object({ version: z.string() });
const Wanted = z.object({ dependencies: z.object({ bullmq: z.string() }) });

/** The connection that BullMQ's client is given. */
export type Connection = { readonly host: string; readonly port: number; readonly password: string };

type Job = { readonly id?: string; readonly name: string };
type Queue = {
  add(name: string, data: object, options?: object): Promise<Job>;
  addBulk(jobs: readonly { name: string; data: object }[]): Promise<Job[]>;
  obliterate(options: { force: boolean }): Promise<void>;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
};
type Worker = {
  waitUntilReady(): Promise<unknown>;
  on(event: "error" | "completed", listener: (error: Error) => void): Worker;
  close(force?: boolean): Promise<void>;
};
/** What the benchmark uses of BullMQ. */
export type BullMq = {
  readonly Queue: new (name: string, options: { connection: Connection }) => Queue;
  readonly Worker: new (
    name: string,
    processor: (job: Job) => Promise<unknown>,
    options: { connection: Connection; concurrency: number; autorun?: boolean },
  ) => Worker;
};

/** What is installed, also for worker processes. Its modules for `import` are not ones that Node resolves. */
export function requireBullMq(): BullMq {
  return createRequire(path.join(FOLDER, "package.json"))("bullmq") as BullMq;
}

/** Installs the version that package.json beside it names, if it is not there, and loads it. */
export async function loadBullMq(
  onProgress: (line: string) => void,
): Promise<{ bullmq: BullMq; version: string }> {
  const version = Wanted.parse(readJson(path.join(FOLDER, "package.json"))).dependencies.bullmq;
  if (!existsSync(INSTALLED) || Package.parse(readJson(INSTALLED)).version !== version) {
    onProgress(`installing bullmq ${version} into ${FOLDER} (once; nothing else depends on it)`);
    try {
      await promisify(execFile)("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
        cwd: FOLDER,
      });
    } catch (error) {
      throw new Error(
        `bullmq ${version} could not be installed with npm, so there is no peer to compare with. ` +
          `Run \`npm ci\` in ${FOLDER} and see why.`,
        { cause: error },
      );
    }
  }
  return { bullmq: requireBullMq(), version };
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}
