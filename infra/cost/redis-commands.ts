import type { Redis } from "ioredis";

/** What a server executed, by command; those inside of scripts too, each under its own name. */
export type Commands = ReadonlyMap<string, number>;

/** Commands that only start, end or watch something: they are reported apart. */
const TRANSACTION = new Set(["multi", "exec", "discard"]);
/** Of the connection, of the measurement itself, or of loading a script, which happens once. */
const OVERHEAD = new Set([
  "info",
  "config|resetstat",
  "hello",
  "auth",
  "client|setname",
  "client|setinfo",
  "script|load",
  "ping",
  "select",
]);

/** Counts from now on. */
export async function resetCommands(redis: Redis): Promise<void> {
  await redis.config("RESETSTAT");
}

/** By `INFO commandstats`. */
export async function readCommands(redis: Redis): Promise<Commands> {
  const info = await redis.info("commandstats");
  const found = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
  return new Map(found.map(([, name = "", calls]) => [name, Number(calls)]));
}

/** Bytes of requests and answers, in RESP: by REST there are the headers of HTTP besides. By `INFO stats`. */
export async function readTraffic(redis: Redis): Promise<number> {
  const info = await redis.info("stats");
  const found = [...info.matchAll(/^total_net_(?:in|out)put_bytes:(\d+)/gm)];
  return found.reduce((total, [, bytes]) => total + Number(bytes), 0);
}

/** All that count as work: scripts, what they call, and plain commands. */
export function countOf(commands: Commands): number {
  return sum([...commands].filter(([name]) => !TRANSACTION.has(name) && !OVERHEAD.has(name)));
}

export function transactionsOf(commands: Commands): number {
  return sum([...commands].filter(([name]) => TRANSACTION.has(name)));
}

/** The most frequent first, per task. */
export function describeCommands(commands: Commands, tasks: number): string {
  return [...commands]
    .filter(([name]) => !OVERHEAD.has(name))
    .sort(([, a], [, b]) => b - a)
    .map(([name, calls]) => `${name} ${(calls / tasks).toFixed(2)}`)
    .join(", ");
}

const sum = (entries: readonly (readonly [string, number])[]) =>
  entries.reduce((total, [, calls]) => total + calls, 0);
