import { createIoredisMock } from "js-redis-server";
import { Redis } from "ioredis";
import { findRedisServer, startRedisServerChild } from "./redis-server-child.ts";
import { StartError } from "./start-error.ts";

/** `redis-server` is the real one as a child; `js-redis-server` runs inside this process and opens no port. */
export type RedisEngine = "redis-server" | "js-redis-server";

export type RedisServer = {
  readonly engine: RedisEngine;
  /** A new connection; the caller disconnects it. */
  connect(): Redis;
  /** Forgets everything, scripts included: what losing the Redis of a deployment looks like. */
  flushAll(): Promise<void>;
  close(): Promise<void>;
};

/** Starts a Redis that keeps nothing on disk: the real one if it is on PATH, unless `engine` says otherwise. */
export async function startRedis(options: { engine?: RedisEngine } = {}): Promise<RedisServer> {
  const path = options.engine === "js-redis-server" ? undefined : findRedisServer();
  if (options.engine === "redis-server" && path === undefined) {
    throw new StartError(
      "redis-server is not on PATH. Install it (apt-get install redis-server), or ask for js-redis-server.",
    );
  }
  return path === undefined ? startInProcess() : startChild(path);
}

async function startChild(path: string): Promise<RedisServer> {
  const child = await startRedisServerChild(path);
  const control = child.connect();
  return {
    engine: "redis-server",
    connect: child.connect,
    flushAll: () => flushAll(control),
    close: async () => {
      control.disconnect();
      await child.close();
    },
  };
}

async function startInProcess(): Promise<RedisServer> {
  // The keyspace lives as long as this first connection; its duplicates share it.
  const control = await createIoredisMock();
  if (!(control instanceof Redis))
    throw new Error("js-redis-server gave a cluster where one server was asked for.");
  return {
    engine: "js-redis-server",
    connect: () => control.duplicate(),
    flushAll: () => flushAll(control),
    close: async () => {
      control.disconnect();
    },
  };
}

async function flushAll(control: Redis): Promise<void> {
  await control.flushall();
  await control.script("FLUSH");
}
