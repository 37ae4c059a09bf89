import { describe, expect, test } from "vitest";
import { createMemoryWorkQueue } from "../../shared/adapters/memory/work-queue.ts";
import { TAKES_KEY, WAITING_KEY, queueKey, queuesKey, takenKey } from "../../shared/adapters/upstash/keys.ts";
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
  describeOnRedisOnly(store);
  testRandomWorkQueue(store);
});

describeOnRedis("Work queue with every request run twice", (engine) => {
  const store = withRedis(engine, createWorkQueue, replayingAll);
  describeWorkQueue(store);
  testRandomWorkQueue(store);
});

function describeOnRedisOnly(store: RedisStore<WorkQueue>): void {
  test("concurrent requests take every task once", async () => {
    const tasks = Array.from({ length: 40 }, (_, place) =>
      ready(`t${place}`, place, place % 2 ? ["gpu"] : []),
    );
    await store.port.add(FLEET, tasks);
    const takes = tasks.map((_, place) => store.port.take(FLEET, [["gpu"], []], `r${place}`, 100));
    const taken = (await Promise.all(takes)).map((task) => task?.taskId);
    expect(taken.sort()).toEqual(tasks.map(({ taskId }) => taskId).sort());
    expect(await store.port.waitingFleets()).toEqual([]);
  });

  test("what ends a take leaves nothing of it in Redis", async () => {
    await store.port.add(FLEET, [ready("a", 1), ready("b", 2)]);
    await store.port.take(FLEET, [[]], "r1", 100);
    await store.port.take(FLEET, [[]], "r2", 100);
    await store.port.settle(FLEET, "r1");
    await store.port.putBack(FLEET, "r2");
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

  test("a taken task that cannot be decoded is forgotten when it is put back", async () => {
    await store.redis.hset(takenKey(FLEET), "r1", "{", "r2", '{"taskId":"a","order":"1"}');
    await store.redis.zadd(TAKES_KEY, 1, `${FLEET}:r1`, 1, `${FLEET}:r2`, 1, `${FLEET}:r3`);
    expect(await store.port.take(FLEET, [[]], "r1", 100)).toBeNull();
    for (const { requestId } of await store.port.expired(10, 10)) await store.port.putBack(FLEET, requestId);
    expect(await store.redis.keys("*")).toEqual([]);
  });

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
