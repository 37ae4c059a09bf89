import { describe, expect, test } from "vitest";
import { READY_QUEUE_LIMIT } from "../../shared/contract/limits.ts";
import type { ReadyTask, Take, WorkQueue } from "../../shared/ports/work-queue.ts";
import type { Store } from "./redis-stores.ts";

export const FLEET = "alpha";
const ANY: string[] = [];

export function ready(taskId: string, order: number, requires: string[] = ANY): ReadyTask {
  return { taskId, requires, order };
}

/** A work queue of which a test names takes by the requests that made them. */
export type RequestedQueue = Omit<WorkQueue, "take" | "settle" | "putBack" | "expired"> & {
  take(...args: Parameters<WorkQueue["take"]>): Promise<ReadyTask | null>;
  settle(fleet: string, requestId: string): Promise<void>;
  putBack(fleet: string, requestId: string): Promise<void>;
  expired(nowMs: number, limit: number): Promise<{ fleet: string; requestId: string }[]>;
};

export function byRequest(queue: () => WorkQueue): RequestedQueue {
  const takes = new Map<string, Take>();
  return {
    add: (...args) => queue().add(...args),
    heads: (...args) => queue().heads(...args),
    requirements: (...args) => queue().requirements(...args),
    remove: (...args) => queue().remove(...args),
    waitingFleets: () => queue().waitingFleets(),
    async take(fleet, requiring, requestId, untilMs) {
      const take = await queue().take(fleet, requiring, requestId, untilMs);
      if (take === null) return null;
      takes.set(`${fleet}:${requestId}`, take);
      return ready(take.taskId, take.order, [...take.requires]);
    },
    async settle(fleet, requestId) {
      const take = takes.get(`${fleet}:${requestId}`);
      if (take) await queue().settle(fleet, take);
    },
    async putBack(fleet, requestId) {
      const take = takes.get(`${fleet}:${requestId}`);
      if (take) await queue().putBack(fleet, take);
    },
    async expired(nowMs, limit) {
      const expired = await queue().expired(nowMs, limit);
      return expired.map(({ fleet, take }) => ({ fleet, requestId: take.id.split(":")[1] ?? "" }));
    },
  };
}

/** What every work queue guarantees. */
export function describeWorkQueue(on: Store<WorkQueue>): void {
  const store: Store<RequestedQueue> = { port: byRequest(() => on.port), lose: () => on.lose() };
  describe("waiting", () => {
    describeWaiting(store);
  });
  describe("taking", () => {
    describeTaking(store, on);
  });
}

function describeWaiting(store: Store<RequestedQueue>): void {
  test("each set of requirements has a head, its first task", async () => {
    await store.port.add(FLEET, [
      ready("b", 20),
      ready("a", 10),
      ready("g2", 5, ["gpu"]),
      ready("g1", 5, ["gpu"]),
    ]);
    expect(await store.port.heads(FLEET)).toEqual([ready("g1", 5, ["gpu"]), ready("a", 10)]);
  });

  test("a task that is queued keeps its place when it is added again", async () => {
    await store.port.add(FLEET, [ready("a", 20)]);
    await store.port.add(FLEET, [ready("a", 10), ready("b", 15), ready("b", 5)]);
    expect(await store.port.heads(FLEET)).toEqual([ready("b", 15)]);
    await store.port.remove(FLEET, ready("b", 0));
    expect(await store.port.heads(FLEET)).toEqual([ready("a", 20)]);
  });

  test("a task that is added again for a later wait goes behind those that were ready before it", async () => {
    await store.port.add(FLEET, [ready("a", 1)]);
    await store.port.add(FLEET, [ready("b", 2)]);
    await store.port.add(FLEET, [ready("a", 3)]);
    expect((await store.port.take(FLEET, [ANY], "r1", 100))?.taskId).toBe("b");
    expect((await store.port.take(FLEET, [ANY], "r2", 100))?.order).toBe(3);
  });

  test("the order of requirements and their repetition do not matter", async () => {
    await store.port.add(FLEET, [ready("a", 1, ["x:1", "gpu", "x:1"])]);
    await store.port.remove(FLEET, ready("a", 1, ["gpu", "x:1"]));
    expect(await store.port.heads(FLEET)).toEqual([]);
  });

  test("orders survive to the last digit and below the point", async () => {
    await store.port.add(FLEET, [ready("a", 1_753_000_000_123.25)]);
    expect(await store.port.heads(FLEET)).toEqual([ready("a", 1_753_000_000_123.25)]);
    expect(await store.port.take(FLEET, [ANY], "r1", 100)).toEqual(ready("a", 1_753_000_000_123.25));
    await store.port.putBack(FLEET, "r1");
    expect(await store.port.heads(FLEET)).toEqual([ready("a", 1_753_000_000_123.25)]);
  });

  test("a queue keeps its first tasks when there are too many, and its neighbour's are its own", async () => {
    const many = Array.from({ length: READY_QUEUE_LIMIT }, (_, place) =>
      ready(`t${place}`, 1_000_000 + place),
    );
    await store.port.add(FLEET, many);
    await store.port.add(FLEET, [
      ready("late", 9_000_000),
      ready("early", 1),
      ready("g", 9_000_000, ["gpu"]),
    ]);
    expect(await store.port.heads(FLEET)).toEqual([ready("early", 1), ready("g", 9_000_000, ["gpu"])]);
    // The last of the queue was dropped for the early one, so it is new again; the one before it is not.
    await store.port.remove(FLEET, ready("early", 1));
    await store.port.add(FLEET, [ready("t9998", 1), ready("t9999", 2)]);
    expect((await store.port.heads(FLEET))[0]).toEqual(ready("t9999", 2));
  });

  test("fleets wait until their heads show no ready task, and see only their own", async () => {
    await store.port.add("beta", [ready("a", 1)]);
    await store.port.add(FLEET, [ready("a", 1, ["gpu"]), ready("b", 1)]);
    await store.port.add("gamma", []);
    expect(await store.port.waitingFleets()).toEqual([FLEET, "beta"]);
    await store.port.remove("beta", ready("a", 1));
    await store.port.take(FLEET, [["gpu"]], "r1", 100);
    expect(await store.port.waitingFleets()).toEqual([FLEET]);
    await store.port.take(FLEET, [ANY], "r2", 100);
    expect(await store.port.heads(FLEET)).toEqual([]);
    expect(await store.port.waitingFleets()).toEqual([]);
    await store.port.putBack(FLEET, "r1");
    expect(await store.port.waitingFleets()).toEqual([FLEET]);
    expect(await store.port.heads(FLEET)).toEqual([ready("a", 1, ["gpu"])]);
  });

  test("a lost queue is empty and takes tasks again", async () => {
    await store.port.add(FLEET, [ready("a", 1), ready("b", 2)]);
    await store.port.take(FLEET, [ANY], "r1", 100);
    await store.lose();
    expect(await store.port.heads(FLEET)).toEqual([]);
    expect(await store.port.waitingFleets()).toEqual([]);
    expect(await store.port.expired(1_000, 10)).toEqual([]);
    await store.port.putBack(FLEET, "r1");
    await store.port.settle(FLEET, "r1");
    await store.port.add(FLEET, [ready("a", 1)]);
    expect(await store.port.take(FLEET, [ANY], "r1", 100)).toEqual(ready("a", 1));
  });
}

function describeTaking(store: Store<RequestedQueue>, on: Store<WorkQueue>): void {
  test("the first task among the queues asked for is taken, and no other queue is touched", async () => {
    await store.port.add(FLEET, [ready("m", 1, ["mac"]), ready("g", 2, ["gpu"]), ready("a", 3)]);
    expect(await store.port.take(FLEET, [["gpu"], ANY, ["tpu"]], "r1", 100)).toEqual(ready("g", 2, ["gpu"]));
    expect(await store.port.take(FLEET, [["gpu"], ANY], "r2", 100)).toEqual(ready("a", 3));
    expect(await store.port.take(FLEET, [["gpu"], ANY], "r3", 100)).toBeNull();
    expect(await store.port.take(FLEET, [], "r4", 100)).toBeNull();
    expect(await store.port.heads(FLEET)).toEqual([ready("m", 1, ["mac"])]);
  });

  test("no task is taken twice, not by one request that is repeated either", async () => {
    await store.port.add(FLEET, [ready("a", 1), ready("b", 2), ready("c", 3)]);
    expect(await store.port.take(FLEET, [ANY], "r1", 100)).toEqual(ready("a", 1));
    expect(await store.port.take(FLEET, [ANY], "r2", 100)).toEqual(ready("b", 2));
    expect(await store.port.take("beta", [ANY], "r1", 100)).toBeNull();
    expect(await store.port.take(FLEET, [ANY], "r1", 200)).toEqual(ready("c", 3));
    const both = [
      { fleet: FLEET, requestId: "r1" },
      { fleet: FLEET, requestId: "r2" },
    ];
    expect(await store.port.expired(100, 10)).toEqual(both);
  });

  test("a take whose answer was lost gives its task back when its time has passed", async () => {
    await store.port.add(FLEET, [ready("a", 1)]);
    await store.port.take(FLEET, [ANY], "lost", 100);
    for (const { fleet, take } of await on.port.expired(100, 10)) await on.port.putBack(fleet, take);
    expect(await store.port.heads(FLEET)).toEqual([ready("a", 1)]);
    expect(await store.port.expired(1_000, 10)).toEqual([]);
  });

  test("the sets of requirements that tasks wait with are known to whoever adds one", async () => {
    await store.port.add(FLEET, [ready("a", 1)]);
    expect(await store.port.requirements(FLEET)).toEqual([ANY]);
    await store.port.add(FLEET, [ready("g", 1, ["gpu"])]);
    expect(new Set(await store.port.requirements(FLEET))).toEqual(new Set([ANY, ["gpu"]]));
    expect(await store.port.requirements("beta")).toEqual([]);
  });

  test("a task that is put back stands where it stood", async () => {
    await store.port.add(FLEET, [ready("a", 1), ready("b", 2)]);
    await store.port.take(FLEET, [ANY], "r1", 100);
    await store.port.putBack(FLEET, "r1");
    expect(await store.port.heads(FLEET)).toEqual([ready("a", 1)]);
    expect(await store.port.expired(1_000, 10)).toEqual([]);
  });

  test("settling and putting back end a take once: whichever is later does nothing", async () => {
    await store.port.add(FLEET, [ready("a", 1), ready("b", 2)]);
    await store.port.take(FLEET, [ANY], "r1", 100);
    await store.port.settle(FLEET, "r1");
    await store.port.putBack(FLEET, "r1");
    expect(await store.port.heads(FLEET)).toEqual([ready("b", 2)]);
    await store.port.take(FLEET, [ANY], "r2", 100);
    await store.port.putBack(FLEET, "r2");
    await store.port.settle(FLEET, "r2");
    await store.port.putBack(FLEET, "r2");
    expect(await store.port.heads(FLEET)).toEqual([ready("b", 2)]);
    expect(await store.port.take(FLEET, [ANY], "r1", 100)).toEqual(ready("b", 2));
  });

  test("a task that was added again meanwhile keeps its new place when it is put back", async () => {
    await store.port.add(FLEET, [ready("a", 1)]);
    await store.port.take(FLEET, [ANY], "r1", 100);
    await store.port.add(FLEET, [ready("a", 7)]);
    await store.port.putBack(FLEET, "r1");
    expect(await store.port.heads(FLEET)).toEqual([ready("a", 7)]);
  });

  test("takes expire at their time, earliest first, and stay until settled or put back", async () => {
    await store.port.add(FLEET, [ready("a", 1), ready("b", 2)]);
    await store.port.add("beta", [ready("c", 3)]);
    await store.port.take(FLEET, [ANY], "r1", 300);
    await store.port.take(FLEET, [ANY], "r2", 200);
    await store.port.take("beta", [ANY], "r1", 100);
    const all = [
      { fleet: "beta", requestId: "r1" },
      { fleet: FLEET, requestId: "r2" },
      { fleet: FLEET, requestId: "r1" },
    ];
    expect(await store.port.expired(300, 10)).toEqual(all);
    expect(await store.port.expired(299, 10)).toEqual(all.slice(0, 2));
    expect(await store.port.expired(300, 1)).toEqual(all.slice(0, 1));
    await store.port.settle("beta", "r1");
    await store.port.putBack(FLEET, "r2");
    expect(await store.port.expired(300, 10)).toEqual(all.slice(2));
  });

  test("equal orders of different queues are taken in one order, whoever asks", async () => {
    await store.port.add(FLEET, [ready("b", 1), ready("a", 1, ["gpu"])]);
    expect(await store.port.heads(FLEET)).toEqual([ready("b", 1), ready("a", 1, ["gpu"])]);
    expect(await store.port.take(FLEET, [["gpu"], ANY], "r1", 100)).toEqual(ready("b", 1));
  });
}
