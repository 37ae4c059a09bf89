import { describe, expect, test } from "vitest";
import { READY_QUEUE_LIMIT } from "../../shared/contract/limits.ts";
import type { ReadyTask, WorkQueue } from "../../shared/ports/work-queue.ts";
import type { Store } from "./redis-stores.ts";

export const FLEET = "alpha";
const ANY: string[] = [];

export function ready(taskId: string, order: number, requires: string[] = ANY): ReadyTask {
  return { taskId, requires, order };
}

/** What every work queue guarantees. */
export function describeWorkQueue(store: Store<WorkQueue>): void {
  describe("waiting", () => {
    describeWaiting(store);
  });
  describe("taking", () => {
    describeTaking(store);
  });
}

function describeWaiting(store: Store<WorkQueue>): void {
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

  test("fleets wait as long as they have ready tasks, and see only their own", async () => {
    await store.port.add("beta", [ready("a", 1)]);
    await store.port.add(FLEET, [ready("a", 1, ["gpu"]), ready("b", 1)]);
    await store.port.add("gamma", []);
    expect(await store.port.waitingFleets()).toEqual([FLEET, "beta"]);
    await store.port.remove("beta", ready("a", 1));
    await store.port.take(FLEET, [["gpu"]], "r1", 100);
    expect(await store.port.waitingFleets()).toEqual([FLEET]);
    await store.port.take(FLEET, [ANY], "r2", 100);
    expect(await store.port.waitingFleets()).toEqual([]);
    expect(await store.port.heads(FLEET)).toEqual([]);
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

function describeTaking(store: Store<WorkQueue>): void {
  test("the first task among the queues asked for is taken, and no other queue is touched", async () => {
    await store.port.add(FLEET, [ready("m", 1, ["mac"]), ready("g", 2, ["gpu"]), ready("a", 3)]);
    expect(await store.port.take(FLEET, [["gpu"], ANY, ["tpu"]], "r1", 100)).toEqual(ready("g", 2, ["gpu"]));
    expect(await store.port.take(FLEET, [["gpu"], ANY], "r2", 100)).toEqual(ready("a", 3));
    expect(await store.port.take(FLEET, [["gpu"], ANY], "r3", 100)).toBeNull();
    expect(await store.port.take(FLEET, [], "r4", 100)).toBeNull();
    expect(await store.port.heads(FLEET)).toEqual([ready("m", 1, ["mac"])]);
  });

  test("two requests never take the same task, and one request repeated always does", async () => {
    await store.port.add(FLEET, [ready("a", 1), ready("b", 2)]);
    const first = await store.port.take(FLEET, [ANY], "r1", 100);
    expect(await store.port.take(FLEET, [ANY], "r2", 100)).toEqual(ready("b", 2));
    expect(await store.port.take(FLEET, [ANY], "r1", 900)).toEqual(first);
    expect(await store.port.take(FLEET, [["gpu"]], "r1", 100)).toEqual(first);
    expect(await store.port.take("beta", [ANY], "r1", 100)).toBeNull();
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
