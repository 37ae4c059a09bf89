import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PRIORITY_LIMIT } from "../../shared/contract/limits.ts";
import { BACKOFF_LIMIT_MS, fullJitterMs } from "../../shared/domain/backoff.ts";
import { inDependencyOrder } from "../../shared/domain/dependencies.ts";
import { newTask } from "../../shared/domain/new-task.ts";
import { readyOrder, serves, toReadyTask } from "../../shared/domain/ready-order.ts";

describe("backoff with full jitter", () => {
  it("lies between 0 and base * 2^(attempt - 1), and never above its limit", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.integer({ min: 1, max: 100_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, baseMs, uniform) => {
          const waitMs = fullJitterMs(attempt, baseMs, uniform);
          expect(Number.isInteger(waitMs)).toBe(true);
          expect(waitMs).toBeGreaterThanOrEqual(0);
          expect(waitMs).toBeLessThanOrEqual(Math.min(BACKOFF_LIMIT_MS, baseMs * 2 ** (attempt - 1)));
        },
      ),
    );
  });

  it("reaches both bounds", () => {
    expect(fullJitterMs(3, 1_000, 0)).toBe(0);
    expect(fullJitterMs(3, 1_000, 1 - Number.EPSILON)).toBe(4_000);
    expect(fullJitterMs(60, 1_000, 1 - Number.EPSILON)).toBe(BACKOFF_LIMIT_MS);
  });
});

describe("the order of ready tasks", () => {
  const priority = fc.integer({ min: 1, max: PRIORITY_LIMIT });

  it("puts a task before any that was made ready more than four ageing steps later, whatever their priorities", () => {
    fc.assert(
      fc.property(
        ...([fc.nat(1e12), priority, priority, fc.integer({ min: 1, max: 60_000 }), fc.nat(1e9)] as const),
        (readyAtMs, older, newer, ageingStepMs, laterMs) => {
          const later = readyAtMs + 4 * ageingStepMs + 1 + laterMs;
          expect(readyOrder(readyAtMs, older, ageingStepMs)).toBeLessThan(
            readyOrder(later, newer, ageingStepMs),
          );
        },
      ),
    );
  });

  it("prefers the higher priority among tasks made ready together, and the older of one priority", () => {
    expect(readyOrder(0, 1, 100)).toBeLessThan(readyOrder(0, 2, 100));
    expect(readyOrder(0, 3, 100)).toBeLessThan(readyOrder(1, 3, 100));
  });

  it("names a queued task by what it requires and its place", () => {
    const submission = { id: "t", type: "t", data: 1, priority: 2, requires: ["b", "a", "b"] };
    const task = newTask("f", submission, { at: "inline", json: "1" }, { id: "sub_x", index: 0 }, 1_000);
    if (task.state !== "queued") throw new Error("not queued");
    expect(toReadyTask(task, 50)).toEqual({ taskId: "t", requires: ["a", "b"], order: 1_050 });
  });

  it("serves a task only with all of its required capabilities", () => {
    expect(serves(["a", "b"], ["b"])).toBe(true);
    expect(serves(["a"], [])).toBe(true);
    expect(serves(["a"], ["a", "b"])).toBe(false);
  });
});

describe("dependency order", () => {
  const graph = fc.integer({ min: 0, max: 25 }).chain((size) =>
    fc.tuple(
      ...Array.from({ length: size }, (_, i) =>
        fc.record({
          id: fc.constant<string>(`t${i}`),
          dependsOn: fc.uniqueArray(
            fc.integer({ min: 0, max: Math.max(0, i - 1) }).map((n) => `t${n}`),
            {
              maxLength: i === 0 ? 0 : 4,
            },
          ),
        }),
      ),
    ),
  );

  it("puts every task after its dependencies, and keeps all of them", () => {
    fc.assert(
      fc.property(graph, fc.infiniteStream(fc.nat()), (nodes, random) => {
        const shuffled = nodes
          .map((node) => ({ node, by: random.next().value as number }))
          .sort((a, b) => a.by - b.by)
          .map(({ node }) => node);
        const result = inDependencyOrder(shuffled);
        if ("cycle" in result) throw new Error("no cycle here");
        expect(result.ordered.map(({ id }) => id).sort()).toEqual(nodes.map(({ id }) => id).sort());
        const placeOf = new Map(result.ordered.map(({ id }, place) => [id, place]));
        for (const { id, dependsOn } of result.ordered)
          for (const other of dependsOn) expect(placeOf.get(other)).toBeLessThan(placeOf.get(id) ?? -1);
      }),
    );
  });

  it("names exactly the tasks of a cycle, also one that others lead to", () => {
    const nodes = [
      { id: "in", dependsOn: ["a"] },
      { id: "a", dependsOn: ["free", "b"] },
      { id: "b", dependsOn: ["c", "elsewhere"] },
      { id: "c", dependsOn: ["a"] },
      { id: "free", dependsOn: [] },
    ];
    const result = inDependencyOrder(nodes);
    expect("cycle" in result && result.cycle).toEqual(["a", "b", "c"]);
    expect(inDependencyOrder([{ id: "x", dependsOn: ["x"] }])).toEqual({ cycle: ["x"] });
  });
});
