import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PerformanceRecord } from "../../shared/contract/records.ts";
import { type Loaded, planMoves } from "../../shared/domain/balance.ts";
import { PARAMETERS } from "../../shared/contract/parameters.ts";
import { expectedFinishes, observe, pacesFrom } from "../../shared/domain/performance.ts";

const HALF_LIFE_ATTEMPTS = PARAMETERS.balancerHalfLifeAttempts.default;
const PLACE = { fleet: "f", session: "s" };

type Shown = { ms: number; succeeded?: boolean; type?: string };
function shown(session: string, attempts: readonly Shown[], halfLife: number = HALF_LIFE_ATTEMPTS) {
  let record: PerformanceRecord | null = null;
  for (const [i, { ms, succeeded = true, type = "t" }] of attempts.entries())
    record = observe(
      record,
      { fleet: "f", session },
      { type, tenure: `${type}${i}/1`, durationMs: ms, succeeded },
      i,
      halfLife,
    );
  if (!record) throw new Error("Nothing was shown.");
  return record;
}
const times = (count: number, ms: number, succeeded = true) =>
  Array.from({ length: count }, () => ({ ms, succeeded }));
const byId = (...records: PerformanceRecord[]) => new Map(records.map((one) => [one.session, one]));
const bestOf = (finishes: Map<string, number>) => [...finishes].toSorted(([, a], [, b]) => a - b)[0]?.[0];

describe("what a session has shown", () => {
  it.each([HALF_LIFE_ATTEMPTS, 3, 100])(
    "is a mean in which an attempt counts half after %i later ones",
    (n) => {
      const record = shown("s", [...times(1, 1_000), ...times(n, 0)], n);
      const [type] = record.types;
      const half = 0.5;
      // The first has weight one half, the others the rest of the sum of the decayed weights.
      expect((type?.meanMs ?? 0) * (type?.weight ?? 0)).toBeCloseTo(1_000 * half, 6);
      expect(type?.success).toBeCloseTo(1, 9);
    },
  );

  it("counts an end that is told twice once", () => {
    const attempt = { type: "t", tenure: "a/1", durationMs: 5, succeeded: false };
    const once = observe(null, PLACE, attempt, 1, 10);
    expect(observe(once, PLACE, attempt, 2, 10)).toBeNull();
    expect(once?.types).toMatchObject([{ weight: 1, meanMs: 5, success: 0 }]);
  });

  it("stays bounded, forgetting the types that were not seen for longest", () => {
    let record: PerformanceRecord | null = null;
    for (let i = 0; i < 200; i++)
      record = observe(
        record,
        PLACE,
        { type: `t${i}`, tenure: `x${i}/1`, durationMs: 1, succeeded: true },
        i,
        10,
      );
    expect(record?.types).toHaveLength(50);
    expect(record?.types.map(({ type }) => type)).toContain("t199");
    expect(record?.counted.length).toBeLessThanOrEqual(16);
  });
});

describe("the expected finish", () => {
  it("is by the loads alone where nobody has shown anything", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 8 }), (loads) => {
        const sessions = new Map(loads.map((load, i) => [`s${i}`, load]));
        const finishes = expectedFinishes(sessions, new Map(), "t");
        for (const [a, loadA] of sessions)
          for (const [b, loadB] of sessions)
            if (loadA < loadB) expect(finishes.get(a)).toBeLessThan(finishes.get(b) ?? 0);
      }),
    );
  });

  it("prefers who is fast and succeeds, though it holds more, as far as that pays", () => {
    const fast = shown("fast", times(20, 1_000));
    const slow = shown("slow", times(20, 10_000));
    const records = byId(fast, slow);
    const best = (fastLoad: number) =>
      bestOf(
        expectedFinishes(
          new Map([
            ["fast", fastLoad],
            ["slow", 0],
          ]),
          records,
          "t",
        ),
      );
    expect(best(2)).toBe("fast");
    expect(best(12)).toBe("slow");
    const failing = byId(fast, shown("failing", times(20, 1_000, false)));
    const even = new Map([
      ["fast", 1],
      ["failing", 0],
    ]);
    expect(bestOf(expectedFinishes(even, failing, "t"))).toBe("fast");
  });

  it("takes a newcomer for one like the others, so that it gets work as soon as it holds less", () => {
    const records = byId(shown("a", times(30, 5_000)), shown("b", times(30, 5_000)));
    const loads = new Map([
      ["a", 1],
      ["b", 1],
      ["new", 0],
    ]);
    const finishes = expectedFinishes(loads, records, "t");
    expect(bestOf(finishes)).toBe("new");
    const even = expectedFinishes(new Map([...loads.keys()].map((id) => [id, 1])), records, "t");
    expect(even.get("new")).toBeCloseTo(even.get("a") ?? 0, 0);
  });

  it("is not swayed by one lucky or unlucky attempt", () => {
    const records = byId(shown("old", times(30, 5_000)), shown("lucky", times(1, 1)));
    const finishes = expectedFinishes(
      new Map([
        ["old", 0],
        ["lucky", 1],
      ]),
      records,
      "t",
    );
    expect(bestOf(finishes)).toBe("old");
  });

  it("knows the types apart", () => {
    const records = byId(
      shown("coder", [...times(20, 1_000), ...times(20, 9_000).map((one) => ({ ...one, type: "docs" }))]),
      shown("writer", [...times(20, 9_000), ...times(20, 1_000).map((one) => ({ ...one, type: "docs" }))]),
    );
    const idle = new Map([
      ["coder", 0],
      ["writer", 0],
    ]);
    expect(bestOf(expectedFinishes(idle, records, "t"))).toBe("coder");
    expect(bestOf(expectedFinishes(idle, records, "docs"))).toBe("writer");
  });
});

/** The least possible time until the last of so many equal tasks is done, over all ways to share them out. */
function optimum(paces: readonly number[], tasks: number): number {
  const [pace = 1, ...others] = paces;
  if (others.length === 0) return pace * tasks;
  let best = Infinity;
  for (let mine = 0; mine <= tasks; mine++)
    best = Math.min(best, Math.max(pace * mine, optimum(others, tasks - mine)));
  return best;
}

const PACES = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 });

describe("each policy, against every way to share out the same work,", () => {
  it("hands out one by one as well as the best of them: the last task is done no later", () => {
    fc.assert(
      fc.property(PACES, fc.integer({ min: 1, max: 9 }), (paces, tasks) => {
        // So many attempts that what is common no longer weighs: success is certain.
        const records = new Map(
          paces.map((pace, i) => [
            `s${i}`,
            {
              ...{ v: 1 as const, rev: 1, fleet: "f", session: `s${i}`, counted: [] },
              types: [{ type: "t", weight: 1e9, meanMs: pace, success: 1, seenAtMs: 0 }],
            },
          ]),
        );
        const loads = new Map(paces.map((_, i) => [`s${i}`, 0]));
        for (let i = 0; i < tasks; i++) {
          const best = bestOf(expectedFinishes(loads, records, "t")) ?? "";
          loads.set(best, (loads.get(best) ?? 0) + 1);
        }
        const last = Math.max(...paces.map((pace, i) => pace * (loads.get(`s${i}`) ?? 0)));
        expect(last).toBeCloseTo(optimum(paces, tasks), 3);
      }),
    );
  });

  it("moves what waits until the last is done no later than the best plus its margin", () => {
    fc.assert(
      fc.property(PACES, fc.array(fc.nat(6), { minLength: 4, maxLength: 4 }), (paces, held) => {
        const sessions: Loaded[] = paces.map((pace, i) => ({
          session: `s${i}`,
          capacity: 100,
          load: held[i] ?? 0,
          offers: [],
          pace,
          waiting: Array.from({ length: held[i] ?? 0 }, (_, n) => ({ task: `t${i}-${n}`, demands: [] })),
        }));
        const loads = new Map(sessions.map(({ session, load }) => [session, load]));
        for (const { from, to } of planMoves(sessions, 1_000)) {
          loads.set(from, (loads.get(from) ?? 0) - 1);
          loads.set(to, (loads.get(to) ?? 0) + 1);
        }
        const tasks = [...loads.values()].reduce((sum, load) => sum + load, 0);
        const last = Math.max(...sessions.map(({ session, pace = 1 }) => pace * (loads.get(session) ?? 0)));
        expect(last).toBeLessThanOrEqual(1.25 * optimum(paces, tasks) + 1e-9);
      }),
    );
  });

  it("with paces unknown gives the best there is for equal sessions", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(6), { minLength: 1, maxLength: 4 }), (held) => {
        const sessions: Loaded[] = held.map((load, i) => ({
          ...{ session: `s${i}`, capacity: 100, load, offers: [] },
          waiting: Array.from({ length: load }, (_, n) => ({ task: `t${i}-${n}`, demands: [] })),
        }));
        const loads = new Map(sessions.map(({ session, load }) => [session, load]));
        for (const { from, to } of planMoves(sessions, 1_000)) {
          loads.set(from, (loads.get(from) ?? 0) - 1);
          loads.set(to, (loads.get(to) ?? 0) + 1);
        }
        const tasks = held.reduce((sum, load) => sum + load, 0);
        expect(Math.max(...loads.values())).toBe(
          optimum(
            held.map(() => 1),
            tasks,
          ),
        );
      }),
    );
  });
});

describe("paces", () => {
  it("are all alike where nothing is known, and drawn together where little is", () => {
    expect([...pacesFrom(["a", "b"], []).values()]).toEqual([1, 1]);
    const paces = pacesFrom(["a", "b", "c"], [shown("a", times(30, 100)), shown("b", times(30, 1_000))]);
    const [a = 0, b = 0, c = 0] = ["a", "b", "c"].map((id) => paces.get(id));
    expect(a).toBeLessThan(c);
    expect(c).toBeLessThan(b);
  });
});
