import { describe, expect, test } from "vitest";
import { createMemoryWorkQueue } from "../../shared/adapters/memory/work-queue.ts";
import type { RedisEngine } from "../../infra/local/redis.ts";
import { TAKES_KEY, WAITING_KEY, queueKey, queuesKey } from "../../shared/adapters/upstash/keys.ts";
import { takeReady } from "../../shared/adapters/upstash/lua/scripts.ts";
import { createWorkQueue } from "../../shared/adapters/upstash/work-queue.ts";
import type { WorkQueue } from "../../shared/ports/work-queue.ts";
import { StoreUnavailable } from "../../shared/ports/unavailable.ts";
import { type RedisStore, describeOnRedis, replayingAll, withMemory, withRedis } from "./redis-stores.ts";
import { testRandomWorkQueue } from "./work-queue-random.ts";
import { FLEET, describeWorkQueue, ready } from "./work-queue-suite.ts";

describe("Work queue in memory", () => {
  describeWorkQueue(withMemory(createMemoryWorkQueue));
});

describeOnRedis("Work queue", (engine) => {
  const store = withRedis(engine, createWorkQueue);
  describeWorkQueue(store);
  describeOnRedisOnly(store, engine);
  testRandomWorkQueue(store);
});

describeOnRedis("Work queue with every request but takes run twice", (engine) => {
  const store = withRedis(engine, createWorkQueue, (client) => {
    const replaying = replayingAll(client);
    // A repeated take is another take, as the suite says.
    return { ...replaying, run: (...call) => (call[0] === takeReady ? client : replaying).run(...call) };
  });
  describeWorkQueue(store);
  testRandomWorkQueue(store);
});

function describeOnRedisOnly(store: RedisStore<WorkQueue>, engine: RedisEngine): void {
  test("concurrent requests take every task once", async () => {
    const tasks = Array.from({ length: 40 }, (_, place) =>
      ready(`t${place}`, place, place % 2 ? ["gpu"] : []),
    );
    await store.port.add(FLEET, tasks);
    const takes = tasks.map((_, place) => store.port.take(FLEET, [["gpu"], []], `r${place}`, 100));
    const taken = (await Promise.all(takes)).map((task) => task?.taskId);
    expect(taken.sort()).toEqual(tasks.map(({ taskId }) => taskId).sort());
    expect(await store.port.heads(FLEET)).toEqual([]);
    expect(await store.port.waitingFleets()).toEqual([]);
  });

  test("what ends a take leaves nothing of it in Redis", async () => {
    await store.port.add(FLEET, [ready("a", 1), ready("b", 2)]);
    const [first, second] = [
      await store.port.take(FLEET, [[]], "r1", 100),
      await store.port.take(FLEET, [[]], "r2", 100),
    ];
    if (!first || !second) throw new Error("nothing was taken");
    await store.port.settle(FLEET, first);
    await store.port.putBack(FLEET, second);
    await store.port.remove(FLEET, ready("b", 2));
    expect(await store.redis.keys("*")).toEqual([]);
  });

  test("lists that outlived their queues are mended when the fleet's heads are asked for", async () => {
    await store.redis.sadd(WAITING_KEY, FLEET, "beta");
    await store.redis.sadd(queuesKey(FLEET), "gpu", "*");
    expect(await store.port.heads(FLEET)).toEqual([]);
    expect(await store.port.heads("beta")).toEqual([]);
    expect(await store.port.waitingFleets()).toEqual([]);
    expect(await store.redis.keys("*")).toEqual([]);
  });

  test("a take of a version to come is nobody's, and stays", async () => {
    await store.redis.zadd(TAKES_KEY, 1, "alpha", 1, "alpha:r1:order:a:*", 1, `${FLEET}:r2:7:a:*`);
    const expired = await store.port.expired(10, 10);
    expect(expired.map(({ take }) => take.order)).toEqual([7]);
  });

  // Only the real server says what scripts executed.
  test.runIf(engine === "redis-server")(
    "a task is taken from one queue by 3 commands and settled by 1",
    async () => {
      await store.port.add(FLEET, [ready("a", 1), ready("b", 2)]);
      await store.port.take(FLEET, [[]], "r0", 100);
      await store.redis.config("RESETSTAT");
      const take = await store.port.take(FLEET, [[]], "r1", 100);
      if (take) await store.port.settle(FLEET, take);
      const info = await store.redis.info("commandstats");
      const executed = [...info.matchAll(/^cmdstat_(\w+):calls=(\d+)/gm)].map(([, name, calls]) => [
        name,
        calls,
      ]);
      const ours = executed.filter(([name]) => name !== "info" && name !== "config").sort();
      expect(ours).toEqual(["evalsha", "zadd", "zpopmin", "zrem"].map((name) => [name, "1"]));
    },
  );

  test("tasks of one set of requirements are added by 4 commands at once", async () => {
    await store.port.add(FLEET, [ready("a", 1), ready("b", 2), ready("c", 3)]);
    expect(store.commands).toEqual(["ZADD", "ZREMRANGEBYRANK", "SADD", "SADD"]);
    expect(await store.redis.zcard(queueKey(FLEET, "*"))).toBe(3);
  });

  test("an outage is StoreUnavailable", async () => {
    store.setReachable(false);
    await expect(store.port.take(FLEET, [[]], "r1", 100)).rejects.toThrow(StoreUnavailable);
    store.setReachable(true);
    expect(await store.port.take(FLEET, [[]], "r1", 100)).toBeNull();
  });
}
