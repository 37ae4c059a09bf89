import { describe, expect, test } from "vitest";
import { createMemoryKeyMirror } from "../../shared/adapters/memory/key-mirror.ts";
import { createKeyMirror } from "../../shared/adapters/upstash/key-mirror.ts";
import { apiKeyKey } from "../../shared/adapters/upstash/keys.ts";
import type { KeyMirror } from "../../shared/ports/registry.ts";
import { describeKeyMirror, testRandomKeyMirror } from "./key-mirror-suite.ts";
import { type RedisStore, describeOnRedis, replayingAll, withMemory, withRedis } from "./redis-stores.ts";

describe("Key mirror in memory", () => {
  describeKeyMirror(withMemory(createMemoryKeyMirror));
});

describeOnRedis("Key mirror by the heartbeat's client", (engine) => {
  const store = withRedis(engine, (_, beatClient) => createKeyMirror(beatClient));
  describeKeyMirror(store);
  describeOnRedisOnly(store);
  testRandomKeyMirror(store);
});

describeOnRedis("Key mirror with every request run twice", (engine) => {
  const store = withRedis(engine, createKeyMirror, replayingAll);
  describeKeyMirror(store);
  testRandomKeyMirror(store);
});

function describeOnRedisOnly(store: RedisStore<KeyMirror>): void {
  test("each use is 1 command", async () => {
    await store.port.set("alpha", "key_1", "active");
    await store.port.set("alpha", "key_1", "revoked");
    await store.port.get("alpha", "key_1");
    expect(store.commands).toEqual(["SET", "SET", "GET"]);
  });

  test("a status is forgotten after a day, and asking again does not keep it", async () => {
    await store.port.set("alpha", "key_1", "active");
    await store.redis.expire(apiKeyKey("alpha", "key_1"), 100);
    await store.port.set("alpha", "key_1", "active");
    expect(await store.redis.ttl(apiKeyKey("alpha", "key_1"))).toBeLessThanOrEqual(100);
    await store.port.set("alpha", "key_1", "revoked");
    expect(await store.redis.ttl(apiKeyKey("alpha", "key_1"))).toBeGreaterThan(86_000);
  });

  test("an unknown status counts as missing", async () => {
    await store.redis.set(apiKeyKey("alpha", "key_1"), "maybe");
    expect(await store.port.get("alpha", "key_1")).toBeNull();
  });
}
