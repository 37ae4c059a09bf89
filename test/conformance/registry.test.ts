import { describe, expect, test } from "vitest";
import { createMemoryRegistry } from "../../shared/adapters/memory/registry.ts";
import { DEADLINES_KEY, desiredKey, reportedKey, roomsKey } from "../../shared/adapters/upstash/keys.ts";
import { createBeatRegistry, createRegistry } from "../../shared/adapters/upstash/registry.ts";
import type { Registry } from "../../shared/ports/registry.ts";
import { StoreUnavailable } from "../../shared/ports/unavailable.ts";
import { type RedisStore, describeOnRedis, replayingScripts, withMemory, withRedis } from "./redis-stores.ts";
import { testRandomRegistry } from "./registry-random.ts";
import { FLEET, aMinute, describeRegistry, desired, incarnation, reported } from "./registry-suite.ts";

describe("Registry in memory", () => {
  describeRegistry(withMemory(createMemoryRegistry));
});

describeOnRedis("Registry, beats by the heartbeat's client,", (engine) => {
  const store = withRedis(engine, (client, beatClient) => ({
    ...createRegistry(client),
    ...createBeatRegistry(beatClient),
  }));
  describeRegistry(store);
  describeOnRedisOnly(store);
  testRandomRegistry(store);
});

describeOnRedis("Registry with every script run twice", (engine) => {
  const store = withRedis(engine, createRegistry, replayingScripts);
  describeRegistry(store);
  testRandomRegistry(store);
});

function describeOnRedisOnly(store: RedisStore<Registry>): void {
  test.each([1, 100])("a steady beat of %i sessions is 2 commands", async (count) => {
    const incarnations = Array.from({ length: count }, (_, index) => incarnation(`s${index}`));
    await store.port.extend(incarnations, 100);
    for (const { session } of incarnations) await store.port.publish(FLEET, session, desired(), ["gpu"]);
    const before = store.commands.length;
    const beat = await store.port.beat(incarnations, 200);
    expect(store.commands.slice(before)).toEqual(["ZADD", "MGET"]);
    const { fleet, host, minute } = aMinute();
    await store.port.beat(incarnations, 300, { fleet, host, minute });
    expect(store.commands.slice(before), "with signals too").toEqual(["ZADD", "MGET", "ZADD", "MGET"]);
    expect(beat.moved).toBe(count);
    expect(beat.desired).toEqual(incarnations.map(() => desired()));
  });

  test("reading deadlines, desired states and reports is 1 command each", async () => {
    await store.port.deadlines([incarnation("a"), incarnation("b")]);
    await store.port.desired(FLEET, ["a", "b"]);
    await store.port.reported(FLEET, ["a", "b"]);
    await store.port.signals([aMinute(), aMinute({ minute: 1 })]);
    expect(store.commands).toEqual(["ZMSCORE", "MGET", "MGET", "MGET"]);
  });

  test("a document that cannot be decoded counts as missing, and the next publication replaces it", async () => {
    await store.redis.set(desiredKey(FLEET, "a"), '{"rev":9,');
    await store.redis.set(desiredKey(FLEET, "b"), JSON.stringify({ rev: 9 }));
    await store.redis.set(reportedKey(FLEET, "a"), "null");
    await store.redis.zadd(DEADLINES_KEY, 1, "not:ours", 2, "f:h:s:1:more", 3, "f:h:s:0");
    expect(await store.port.desired(FLEET, ["a", "b"])).toEqual([null, null]);
    expect(await store.port.reported(FLEET, ["a"])).toEqual([null]);
    expect(await store.port.overdue(10, 10)).toEqual([]);
    await store.port.publish(FLEET, "a", desired({ rev: 1 }), []);
    await store.port.publish(FLEET, "b", desired({ rev: 1 }), []);
    expect(await store.port.desired(FLEET, ["a", "b"])).toEqual([desired(), desired()]);
  });

  test("what an ended session leaves behind is collected, what a live one needs is not", async () => {
    await store.port.publish(FLEET, "a", desired(), ["gpu"]);
    await store.port.report(FLEET, "a", reported());
    expect(await store.redis.ttl(desiredKey(FLEET, "a"))).toBe(-1);
    await store.port.publish(FLEET, "a", desired({ rev: 2, state: "ended" }), ["gpu"]);
    expect(await store.redis.ttl(desiredKey(FLEET, "a"))).toBeGreaterThan(86_000);
    expect(await store.redis.ttl(reportedKey(FLEET, "a"))).toBeGreaterThan(86_000);
    await store.port.publish(FLEET, "a", desired({ rev: 3, epoch: 2 }), ["gpu"]);
    expect(await store.redis.ttl(desiredKey(FLEET, "a"))).toBe(-1);
  });

  test("capability sets are listed as long as a session with room has them", async () => {
    const listed = async () => (await store.redis.smembers(roomsKey(FLEET))).sort();
    await store.port.publish(FLEET, "a", desired(), ["gpu"]);
    await store.port.publish(FLEET, "b", desired(), ["gpu"]);
    await store.port.publish(FLEET, "c", desired(), []);
    expect(await listed()).toEqual(["*", "gpu"]);
    await store.port.publish(FLEET, "a", desired({ rev: 2 }), ["mac"]);
    expect(await listed()).toEqual(["*", "gpu", "mac"]);
    await store.port.publish(FLEET, "b", desired({ rev: 2, state: "ended" }), ["gpu"]);
    await store.port.publish(FLEET, "c", desired({ rev: 2, state: "ended" }), []);
    expect(await listed()).toEqual(["mac"]);
  });

  test("an outage is StoreUnavailable, and its message repeats no document", async () => {
    store.setReachable(false);
    const failure: unknown = await store.port
      .publish(FLEET, "a", desired({ keyId: "key_secret" }), [])
      .catch((error: unknown) => error);
    store.setReachable(true);
    expect(failure).toBeInstanceOf(StoreUnavailable);
    expect(failure).toMatchObject({ store: "redis" });
    await store.redis.set(desiredKey(FLEET, "b"), "x");
    await store.redis.del(roomsKey(FLEET));
    await store.redis.set(roomsKey(FLEET), "not a set");
    const refused: unknown = await store.port
      .publish(FLEET, "a", desired({ keyId: "key_secret" }), [])
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StoreUnavailable);
    expect(String(refused)).toContain("WRONGTYPE");
    expect(String(refused)).not.toContain("key_secret");
  });
}
