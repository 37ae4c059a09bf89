import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Redis } from "ioredis";
import { LOOPBACK, findFreePort } from "./free-port.ts";

const START_ATTEMPTS = 3;
const READY_WITHIN_MS = 5_000;
const PROBE_EVERY_MS = 20;

/**
 * The child outlives nobody: `cat` ends when the pipe from this process closes, however this process dies
 * (kill -9 included), and the server is killed then. Nothing is lost by killing it, for it keeps nothing.
 */
const DIE_WITH_PARENT =
  'exec 3<&0; "$@" 3<&- </dev/null & server=$!; (cat <&3 >/dev/null; kill -KILL $server) & exec 3<&-; wait $server';

/** The full path of `redis-server` if it is on PATH. */
export function findRedisServer(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, "redis-server")).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // The one question asked here is whether it can be run.
  }
}

type Address = { host: string; port: number; password: string };
export type RedisServerChild = { connect: () => Redis; close: () => Promise<void> };

/** Starts a real redis-server of our own: random port, loopback only, nothing written to disk. */
export async function startRedisServerChild(path: string): Promise<RedisServerChild> {
  let failure: unknown;
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt++) {
    const address = { host: LOOPBACK, port: await findFreePort(), password: randomUUID() };
    const child = spawnRedisServer(path, address);
    try {
      await waitUntilReady(child, address);
      const connect = () => new Redis({ ...address, maxRetriesPerRequest: 2 });
      return { connect, close: () => endChild(child) };
    } catch (error) {
      failure = error;
      await endChild(child);
    }
  }
  throw new Error(
    `redis-server (${path}) did not start in ${START_ATTEMPTS} attempts: ${String(failure)}. ` +
      "Repair it, or take it off PATH: the embedded cloud then brings its own Redis.",
  );
}

function spawnRedisServer(path: string, { host, port, password }: Address): ChildProcess {
  const settings = {
    bind: host,
    port,
    requirepass: password,
    save: "",
    appendonly: "no",
    loglevel: "warning",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  // Its own process group: Ctrl-C reaches this process alone, which then ends its children in order.
  return spawn("/bin/sh", ["-c", DIE_WITH_PARENT, "redis", path, ...args], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
}

async function waitUntilReady(child: ChildProcess, address: Address): Promise<void> {
  const giveUpAt = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const refusal = await probe(address);
    if (refusal === undefined) return;
    if (child.exitCode !== null) throw new Error(`it exited with code ${child.exitCode}`);
    if (performance.now() > giveUpAt) throw new Error(`not ready within ${READY_WITHIN_MS} ms: ${refusal}`);
    await setTimeout(PROBE_EVERY_MS);
  }
}

/** Undefined when our own server answers (another one on this port would refuse the password), else the reason. */
async function probe(address: Address): Promise<string | undefined> {
  const client = new Redis({ ...address, lazyConnect: true, retryStrategy: () => null });
  client.on("error", () => undefined); // The same error rejects connect() below.
  try {
    await client.connect();
    await client.ping();
    return undefined;
  } catch (error) {
    return String(error);
  } finally {
    client.disconnect();
  }
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.stdin?.end();
  await exited;
}
