import { describe, expect, test } from "vitest";
import { createMemoryHeldBack } from "../../shared/adapters/memory/held-back.ts";
import { createHeldBack } from "../../shared/adapters/upstash/held-back.ts";
import { heldBackKey } from "../../shared/adapters/upstash/keys.ts";
import { READY_QUEUE_LIMIT } from "../../shared/contract/limits.ts";
import type { HeldBack } from "../../shared/ports/held-back.ts";
import { type Store, describeOnRedis, replayingAll, withMemory, withRedis } from "./redis-stores.ts";
import { FLEET, ready } from "./work-queue-suite.ts";

const BARRIER = "key:a:b/c";

/** What every store of tasks held back guarantees. */
function describeHeldBack(store: Store<HeldBack>): void {
  const first = (limit = 10, barrier = BARRIER, fleet = FLEET) => store.port.first(fleet, barrier, limit);

  test("tasks wait in order with what they require, until they are removed", async () => {
    await store.port.put(FLEET, BARRIER, [ready("b", 20, ["gpu", "x:1"]), ready("a", 10), ready("c", 30)]);
    expect(await first(2)).toEqual([ready("a", 10), ready("b", 20, ["gpu", "x:1"])]);
    expect(await first(2)).toHaveLength(2);
    await store.port.remove(FLEET, BARRIER, [ready("b", 0, ["x:1", "gpu"]), ready("nobody", 1)]);
    expect(await first()).toEqual([ready("a", 10), ready("c", 30)]);
    await store.port.remove(FLEET, BARRIER, []);
    await store.port.put(FLEET, BARRIER, []);
    expect(await first()).toHaveLength(2);
  });

  test("of a task that is put twice only the later place counts", async () => {
    await store.port.put(FLEET, BARRIER, [ready("a", 20), ready("b", 15)]);
    await store.port.put(FLEET, BARRIER, [ready("a", 10)]);
    expect(await first()).toEqual([ready("b", 15), ready("a", 20)]);
    await store.port.put(FLEET, BARRIER, [ready("b", 30)]);
    expect(await first(1)).toEqual([ready("a", 20)]);
  });

  test("each barrier and each fleet has its own", async () => {
    await store.port.put(FLEET, BARRIER, [ready("a", 1)]);
    expect(await first(10, "key:a")).toEqual([]);
    expect(await first(10, BARRIER, "beta")).toEqual([]);
    await store.port.remove("beta", BARRIER, [ready("a", 1)]);
    expect(await first()).toHaveLength(1);
  });

  test("a barrier keeps its first tasks when there are too many", async () => {
    const many = Array.from({ length: READY_QUEUE_LIMIT }, (_, place) => ready(`t${place}`, 10 + place));
    await store.port.put(FLEET, BARRIER, many);
    await store.port.put(FLEET, BARRIER, [ready("early", 1), ready("late", 1_000_000)]);
    const kept = await first(READY_QUEUE_LIMIT + 5);
    expect(kept).toHaveLength(READY_QUEUE_LIMIT);
    expect([kept[0]?.taskId, kept.at(-1)?.taskId]).toEqual(["early", `t${READY_QUEUE_LIMIT - 2}`]);
  });

  test("what was lost can be put again", async () => {
    await store.port.put(FLEET, BARRIER, [ready("a", 1)]);
    await store.lose();
    expect(await first()).toEqual([]);
    await store.port.put(FLEET, BARRIER, [ready("a", 2)]);
    expect(await first()).toEqual([ready("a", 2)]);
  });
}

describe("Tasks held back in memory", () => {
  const store = withMemory(createMemoryHeldBack);
  describeHeldBack(store);

  test("a saved state comes back", async () => {
    const port = createMemoryHeldBack();
    await port.put(FLEET, BARRIER, [ready("a", 1)]);
    const restore = port.save();
    await port.put(FLEET, BARRIER, [ready("b", 2)]);
    restore();
    expect(await port.first(FLEET, BARRIER, 10)).toEqual([ready("a", 1)]);
  });
});

describeOnRedis("Tasks held back", (engine) => {
  const store = withRedis(engine, createHeldBack);
  describeHeldBack(store);

  test("looking is 1 command, putting 3, and what nobody removes is collected", async () => {
    await store.port.put(FLEET, BARRIER, [ready("a", 1), ready("b", 2)]);
    await store.port.first(FLEET, BARRIER, 10);
    await store.port.remove(FLEET, BARRIER, [ready("a", 1)]);
    expect(store.commands).toEqual(["ZADD", "ZREMRANGEBYRANK", "EXPIRE", "ZRANGE", "ZREM"]);
    expect(await store.redis.ttl(heldBackKey(FLEET, BARRIER))).toBeGreaterThan(86_000);
  });

  test("a member that is not one of ours is left out", async () => {
    await store.redis.zadd(heldBackKey(FLEET, BARRIER), 1, ":gpu", 2, "a:*", 3, "bare");
    expect(await store.port.first(FLEET, BARRIER, 10)).toEqual([ready("a", 2)]);
  });
});

describeOnRedis("Tasks held back with every request sent twice", (engine) => {
  describeHeldBack(withRedis(engine, createHeldBack, replayingAll));
});
