import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryRegistry } from "../../shared/adapters/memory/registry.ts";
import type { Desired, Incarnation, Registry, Reported } from "../../shared/ports/registry.ts";
import type { Store } from "./redis-stores.ts";
import { desired, reported } from "./registry-suite.ts";

type Call =
  | { kind: "beat" | "extend"; incarnations: Incarnation[]; deadlineMs: number }
  | { kind: "forget" | "deadlines"; incarnations: Incarnation[] }
  | { kind: "overdue"; nowMs: number; limit: number }
  | { kind: "publish"; fleet: string; session: string; desired: Desired; capabilities: string[] }
  | { kind: "report"; fleet: string; session: string; reported: Reported }
  | { kind: "candidates"; fleet: string; requires: string[]; limit: number };

// Few names and few times, so that calls often meet.
const fleet = fc.constantFrom("f", "g");
const session = fc.constantFrom("a", "b", "c", "B");
const timeMs = fc.integer({ min: 1, max: 9 }).map((step) => 1_753_000_000_000 + step);
const limit = fc.integer({ min: 1, max: 6 });
const words = fc.array(fc.constantFrom("gpu", "linux", "+x"), { maxLength: 3 });
const incarnations = fc.array(
  fc.record({ fleet, host: fc.constant("h"), session, epoch: fc.integer({ min: 1, max: 2 }) }),
  { maxLength: 5 },
);
const tasks = fc.dictionary(fc.constantFrom("t1", "t2", "t3"), fc.integer({ min: 1, max: 3 }), {
  noNullPrototype: true,
});
const document = fc.record({
  rev: fc.integer({ min: 1, max: 12 }),
  epoch: fc.integer({ min: 1, max: 3 }),
  state: fc.constantFrom("live" as const, "live" as const, "draining" as const, "ended" as const),
  capacity: fc.integer({ min: 1, max: 3 }),
  tasks,
  stopping: tasks,
});

const call: fc.Arbitrary<Call> = fc.oneof(
  fc.record({ kind: fc.constantFrom("beat" as const, "extend" as const), incarnations, deadlineMs: timeMs }),
  fc.record({ kind: fc.constantFrom("forget" as const, "deadlines" as const), incarnations }),
  fc.record({ kind: fc.constant("overdue" as const), nowMs: timeMs, limit }),
  fc.record({
    kind: fc.constant("publish" as const),
    fleet,
    session,
    desired: document.map((overrides) => desired(overrides)),
    capabilities: words,
  }),
  fc.record({
    kind: fc.constant("report" as const),
    fleet,
    session,
    reported: fc.integer({ min: 0, max: 3 }).map((seq) => reported({ seq })),
  }),
  fc.record({ kind: fc.constant("candidates" as const), fleet, requires: words, limit }),
);

async function run(registry: Registry, made: Call): Promise<unknown> {
  switch (made.kind) {
    case "beat":
      return registry.beat(made.incarnations, made.deadlineMs);
    case "extend":
      return registry.extend(made.incarnations, made.deadlineMs);
    case "forget":
      return registry.forget(made.incarnations);
    case "deadlines":
      return registry.deadlines(made.incarnations);
    case "overdue":
      return registry.overdue(made.nowMs, made.limit);
    case "publish":
      return registry.publish(made.fleet, made.session, made.desired, made.capabilities);
    case "report":
      return registry.report(made.fleet, made.session, made.reported);
    case "candidates":
      return registry.candidates(made.fleet, made.requires, made.limit);
  }
}

/** Memory and Redis are one registry to their callers, whatever is asked in whatever order. */
export function testRandomRegistry(store: Store<Registry>): void {
  test("random calls have the same outcomes as in memory", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 10, maxLength: 40 }), async (calls) => {
        await store.lose();
        const memory = createMemoryRegistry();
        for (const made of calls) expect(await run(store.port, made)).toEqual(await run(memory, made));
        for (const name of ["f", "g"]) {
          expect(await store.port.candidates(name, [], 100)).toEqual(await memory.candidates(name, [], 100));
          const ids = ["a", "b", "c", "B"];
          expect(await store.port.desired(name, ids)).toEqual(await memory.desired(name, ids));
        }
        expect(await store.port.overdue(Number.MAX_SAFE_INTEGER, 100)).toEqual(
          await memory.overdue(Number.MAX_SAFE_INTEGER, 100),
        );
      }),
      { numRuns: 12 },
    );
  });
}
