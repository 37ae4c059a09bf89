import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryWorkQueue } from "../../shared/adapters/memory/work-queue.ts";
import type { ReadyTask, WorkQueue } from "../../shared/ports/work-queue.ts";
import type { Store } from "./redis-stores.ts";
import { type RequestedQueue, byRequest } from "./work-queue-suite.ts";

type Call =
  | { kind: "add"; fleet: string; tasks: ReadyTask[] }
  | { kind: "remove"; fleet: string; task: ReadyTask }
  | { kind: "take"; fleet: string; requiring: string[][]; requestId: string; untilMs: number }
  | { kind: "settle" | "putBack"; fleet: string; requestId: string }
  | { kind: "expired"; nowMs: number; limit: number };

// Few names and few places, so that calls often meet.
const fleet = fc.constantFrom("f", "g");
const requires = fc.constantFrom<string[][]>([], ["gpu"], ["gpu", "+x"], ["+x", "gpu"]);
const order = fc.integer({ min: 1, max: 3 }).map((step) => 1_753_000_000_000 + step / 2);
const timeMs = fc.integer({ min: 1, max: 6 }).map((step) => 1_753_000_000_000 + step);
const requestId = fc.constantFrom("r1", "r2", "r3");
const task = fc.record({ taskId: fc.constantFrom("a", "b", "c", "B", "d"), requires, order });

const call: fc.Arbitrary<Call> = fc.oneof(
  fc.record({
    kind: fc.constant("add" as const),
    fleet,
    tasks: fc.array(task, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant("remove" as const), fleet, task }),
  fc.record({
    kind: fc.constant("take" as const),
    fleet,
    requiring: fc.array(requires, { maxLength: 3 }),
    requestId,
    untilMs: timeMs,
  }),
  fc.record({ kind: fc.constantFrom("settle" as const, "putBack" as const), fleet, requestId }),
  fc.record({ kind: fc.constant("expired" as const), nowMs: timeMs, limit: fc.integer({ min: 1, max: 4 }) }),
);

async function run(queue: RequestedQueue, made: Call): Promise<unknown> {
  switch (made.kind) {
    case "add":
      return queue.add(made.fleet, made.tasks);
    case "remove":
      return queue.remove(made.fleet, made.task);
    case "take":
      return queue.take(made.fleet, made.requiring, made.requestId, made.untilMs);
    case "settle":
      return queue.settle(made.fleet, made.requestId);
    case "putBack":
      return queue.putBack(made.fleet, made.requestId);
    case "expired":
      return queue.expired(made.nowMs, made.limit);
  }
}

const headsOf = (queue: RequestedQueue) => Promise.all([queue.heads("f"), queue.heads("g")]);

/** Memory and Redis are one queue to their callers, whatever is asked in whatever order. */
export function testRandomWorkQueue(store: Store<WorkQueue>): void {
  test("random calls have the same outcomes as in memory", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 10, maxLength: 40 }), async (calls) => {
        await store.lose();
        const inMemory = createMemoryWorkQueue();
        const memory = byRequest(() => inMemory);
        const port = byRequest(() => store.port);
        for (const made of calls) {
          expect(await run(port, made)).toEqual(await run(memory, made));
          // Asked for in one request: looking after each call costs more than the calls.
          const [heads, ofMemory] = await Promise.all([headsOf(port), headsOf(memory)]);
          expect(heads).toEqual(ofMemory);
          expect(await port.waitingFleets()).toEqual(await memory.waitingFleets());
        }
        const expired = await memory.expired(Number.MAX_SAFE_INTEGER, 100);
        expect(await port.expired(Number.MAX_SAFE_INTEGER, 100)).toEqual(expired);
      }),
      { numRuns: 12 },
    );
  });
}
