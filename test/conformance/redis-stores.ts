import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { type RedisEngine, type RedisServer, startRedis } from "../../infra/local/redis.ts";
import { findRedisServer } from "../../infra/local/redis-server-child.ts";
import { type UpstashRest, startUpstashRest } from "../../infra/local/upstash-rest.ts";
import { type BeatClient, createBeatRedis } from "../../shared/adapters/upstash/beat-redis.ts";
import { type RedisClient, createRedis } from "../../shared/adapters/upstash/redis.ts";

/** A port under test. `port` is valid inside tests; every test starts with an empty one. */
export type Store<T> = { readonly port: T; lose(): Promise<void> };

/** What tests of the Redis adapters see beside the port. */
export type RedisStore<T> = Store<T> & {
  readonly client: RedisClient;
  readonly address: { readonly url: string; readonly token: string };
  /** A connection of its own, which `commands` does not list. */
  readonly redis: Redis;
  /** Names of the commands that reached Redis in this test. */
  readonly commands: readonly string[];
  setReachable(reachable: boolean): void;
};

export function withMemory<T>(create: () => T & { lose(): void }): Store<T> {
  let port: (T & { lose(): void }) | undefined;
  beforeEach(() => {
    port = create();
  });
  return {
    get port() {
      return started(port);
    },
    lose: async () => {
      started(port).lose();
    },
  };
}

/**
 * @param create makes the port of the client of most functions, and of the heartbeat's, which `wrap` does not change
 * @param wrap changes the client that the port gets
 */
export function withRedis<T>(
  engine: RedisEngine,
  create: (client: RedisClient, beatClient: BeatClient) => T,
  wrap: (client: RedisClient) => RedisClient = (client) => client,
): RedisStore<T> {
  const commands: string[] = [];
  let up: { server: RedisServer; rest: UpstashRest; redis: Redis; client: RedisClient; port: T } | undefined;

  beforeAll(async () => {
    const server = await startRedis({ engine });
    const rest = await startUpstashRest({
      redis: server,
      token: "conformance",
      onCommand: (name) => commands.push(name),
    });
    const client = wrap(createRedis(rest));
    up = { server, rest, redis: server.connect(), client, port: create(client, createBeatRedis(rest)) };
  });
  beforeEach(async () => {
    await started(up).server.flushAll();
    commands.length = 0;
  });
  afterAll(async () => {
    started(up).redis.disconnect();
    await started(up).rest.close();
    await started(up).server.close();
  });

  return {
    commands,
    get port() {
      return started(up).port;
    },
    get address() {
      return started(up).rest;
    },
    get client() {
      return started(up).client;
    },
    get redis() {
      return started(up).redis;
    },
    lose: () => started(up).server.flushAll(),
    setReachable: (reachable) => {
      started(up).rest.setReachable(reachable);
    },
  };
}

/** Runs `suite` for each Redis there is; one that is missing is named as skipped. */
export function describeOnRedis(title: string, suite: (engine: RedisEngine) => void): void {
  describe(`${title} over js-redis-server`, () => {
    suite("js-redis-server");
  });
  if (findRedisServer() === undefined)
    test.skip(`${title} over redis-server: SKIPPED because redis-server is not on PATH`, () => undefined);
  else
    describe(`${title} over redis-server`, () => {
      suite("redis-server");
    });
}

/** A client all of whose scripts run twice, as they do when an answer is lost on its way. */
export function replayingScripts(client: RedisClient): RedisClient {
  return {
    ...client,
    run: async (...call) => {
      await client.run(...call);
      return client.run(...call);
    },
  };
}

/** A client all of whose requests arrive twice. */
export function replayingAll(client: RedisClient): RedisClient {
  return {
    ...replayingScripts(client),
    send: async (build) => {
      await client.send(build);
      return client.send(build);
    },
    transact: async (build) => {
      await client.transact(build);
      return client.transact(build);
    },
  };
}

function started<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("The store is used outside of a test, before it was started.");
  return value;
}
