import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryAgenda } from "../../shared/adapters/memory/agenda.ts";
import type { Agenda, AgendaEntry } from "../../shared/ports/agenda.ts";
import type { Store } from "./redis-stores.ts";

type Call =
  | { kind: "put"; entries: AgendaEntry[]; dueMs: number }
  | { kind: "due"; nowMs: number; limit: number }
  | { kind: "done"; entries: AgendaEntry[] }
  | { kind: "setStamp"; nowMs: number }
  | { kind: "raiseStamp"; nowMs: number; foundMs: number; previousMs: number };

// Few names and few times, so that calls often meet.
const fleet = fc.constantFrom("f", "g");
const id = fc.constantFrom("a", "b", "B");
const number = fc.integer({ min: 1, max: 3 });
const timeMs = fc.integer({ min: 1, max: 9 }).map((step) => 1_753_000_000_000 + step);
const entry: fc.Arbitrary<AgendaEntry> = fc.oneof(
  fc.record({ kind: fc.constant("verify" as const), fleet, session: id, host: id, epoch: number }),
  fc.record({ kind: fc.constant("settle" as const), fleet, session: id }),
  fc.record({ kind: fc.constant("timeout" as const), fleet, task: id, fence: number }),
  fc.record({ kind: fc.constant("effects" as const), fleet, task: id }),
  fc.record({ kind: fc.constant("balance" as const), fleet }),
  fc.record({ kind: fc.constant("key" as const), fleet, keyId: id }),
  fc.record({ kind: fc.constant("signals" as const), fleet, host: id, minute: number }),
  fc.record({
    kind: fc.constant("zone" as const),
    fleet,
    session: id,
    zone: fc.constantFrom("warning" as const, "danger" as const),
    atMs: number,
  }),
);
const entries = fc.array(entry, { maxLength: 6 });
const call: fc.Arbitrary<Call> = fc.oneof(
  fc.record({ kind: fc.constant("put" as const), entries, dueMs: timeMs }),
  fc.record({ kind: fc.constant("due" as const), nowMs: timeMs, limit: fc.integer({ min: 1, max: 10 }) }),
  fc.record({ kind: fc.constant("done" as const), entries }),
  fc.record({ kind: fc.constant("setStamp" as const), nowMs: timeMs }),
  fc
    .record({ kind: fc.constant("raiseStamp" as const), nowMs: timeMs, foundMs: timeMs, previousMs: timeMs })
    .filter(({ nowMs, previousMs }) => previousMs < nowMs),
);

async function run(agenda: Agenda, made: Call): Promise<unknown> {
  switch (made.kind) {
    case "put":
      return agenda.put(made.entries, made.dueMs);
    case "due":
      return agenda.due(made.nowMs, made.limit);
    case "done":
      return agenda.done(made.entries);
    case "setStamp":
      return agenda.setStamp(made.nowMs);
    case "raiseStamp":
      return agenda.raiseStamp(made.nowMs, made.foundMs, made.previousMs);
  }
}

/** Memory and Redis are one agenda to their callers, whatever is asked in whatever order. */
export function testRandomAgenda(store: Store<Agenda>): void {
  test("random calls have the same outcomes as in memory", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 10, maxLength: 40 }), async (calls) => {
        await store.lose();
        const memory = createMemoryAgenda();
        for (const made of calls) {
          expect(await run(store.port, made)).toEqual(await run(memory, made));
          expect(await store.port.count()).toBe(await memory.count());
        }
        expect(await store.port.due(Number.MAX_SAFE_INTEGER, 100)).toEqual(await memory.due(Infinity, 100));
        expect(await store.port.stamp()).toBe(await memory.stamp());
      }),
      { numRuns: 12 },
    );
  });
}
