import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BALANCED_SPREAD, type Loaded, planMoves } from "../../shared/domain/balance.ts";
import { serves } from "../../shared/domain/ready-order.ts";

const capability = fc.constantFrom("gpu", "cpu", "net");
const shape = fc.record({
  capacity: fc.integer({ min: 1, max: 12 }),
  running: fc.nat(6),
  capabilities: fc.uniqueArray(capability),
  waiting: fc.array(fc.uniqueArray(capability, { maxLength: 1 }), { maxLength: 8 }),
});
const sessions: fc.Arbitrary<Loaded[]> = fc.array(shape, { minLength: 1, maxLength: 8 }).map((shapes) =>
  shapes.map(({ capacity, running, capabilities, waiting }, i) => {
    const tasks = waiting
      .filter((requires) => serves(capabilities, requires))
      .slice(0, capacity)
      .map((demands, j) => ({ task: `t${i}-${j}`, demands }));
    const load = Math.min(capacity, tasks.length + running);
    return { session: `s${i}`, capacity, load, offers: capabilities, waiting: tasks };
  }),
);

/** What the moves lead to, checking each of them on the way. */
function carryOut(before: readonly Loaded[], moves: ReturnType<typeof planMoves>): Loaded[] {
  const after = new Map(before.map((session) => [session.session, session]));
  for (const { task, from, to } of moves) {
    const [source, target] = [after.get(from), after.get(to)];
    const moved = source?.waiting.find((waiting) => waiting.task === task);
    if (!source || !target || !moved) throw new Error(`${task} does not wait at ${from}`);
    expect(target.load).toBeLessThan(target.capacity);
    expect(serves(target.offers, moved.demands)).toBe(true);
    expect(source.load - target.load).toBeGreaterThan(BALANCED_SPREAD);
    const rest = source.waiting.filter((waiting) => waiting.task !== task);
    after.set(from, { ...source, load: source.load - 1, waiting: rest });
    after.set(to, { ...target, load: target.load + 1, waiting: [...target.waiting, moved] });
  }
  return [...after.values()];
}

describe("a plan of moves", () => {
  it("moves only what waits, to where there is room and capability, and narrows the spread with every move", () => {
    fc.assert(
      fc.property(sessions, (before) => {
        const after = carryOut(before, planMoves(before, 1_000));
        const held = (all: readonly Loaded[]) => all.reduce((sum, { load }) => sum + load, 0);
        expect(held(after)).toBe(held(before));
      }),
    );
  });

  it("leaves no two sessions more than one apart if anything that waits could still help", () => {
    fc.assert(
      fc.property(sessions, (before) => {
        const moves = planMoves(before, 1_000);
        const moved = new Set(moves.map(({ task }) => task));
        const after = carryOut(before, moves);
        for (const from of after)
          for (const to of after) {
            if (from.load - to.load <= BALANCED_SPREAD || to.load >= to.capacity) continue;
            const helpful = from.waiting.filter(
              ({ task, demands }) => !moved.has(task) && serves(to.offers, demands),
            );
            expect(helpful, `${from.session} to ${to.session}`).toEqual([]);
          }
      }),
    );
  });

  it("balances to a spread of one when everything waits and anyone may take it", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 6 }), (loads) => {
        const before = loads.map((load, i) => ({
          ...{ session: `s${i}`, capacity: 100, load, offers: [] },
          waiting: Array.from({ length: load }, (_, j) => ({ task: `t${i}-${j}`, demands: [] })),
        }));
        const after = carryOut(before, planMoves(before, 1_000)).map(({ load }) => load);
        expect(Math.max(...after) - Math.min(...after)).toBeLessThanOrEqual(BALANCED_SPREAD);
      }),
    );
  });

  it("stops at its limit, and moves nothing that is balanced", () => {
    const waiting = Array.from({ length: 9 }, (_, i) => ({ task: `t${i}`, demands: [] }));
    const full = { session: "s1", capacity: 10, load: 9, offers: [], waiting };
    const empty = { session: "s2", capacity: 10, load: 0, offers: [], waiting: [] };
    expect(planMoves([full, empty], 2)).toHaveLength(2);
    expect(planMoves([full, empty], 100)).toHaveLength(4);
    expect(planMoves([empty, { ...empty, session: "s3", load: 1 }], 100)).toEqual([]);
  });
});
