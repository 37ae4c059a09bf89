import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RULES_LIMIT } from "../../shared/contract/limits.ts";
import type { SemaphoreRecord } from "../../shared/contract/records.ts";
import { LimitRequest, PauseRequest, type Rules } from "../../shared/contract/rules.ts";
import type { Decision } from "../../shared/domain/decision.ts";
import {
  NO_RULES,
  barrierOf,
  isPausedAt,
  neededBy,
  pauseOf,
  permitsAt,
  setLimit,
  setPaused,
} from "../../shared/domain/rules.ts";
import { acquire, hasPermit, permitsGiven, release, tenuresOf } from "../../shared/domain/semaphore.ts";

const after = <T>(decision: Decision<T>, before: T): T =>
  decision.kind === "commit" ? decision.next : before;
const task = { group: "g", type: "t", key: "k" };

describe("a pause", () => {
  it("holds back exactly the tasks it names, until it is taken back", () => {
    for (const target of [{ group: "g" }, { type: "t" }, { key: "k" }]) {
      const paused = after(setPaused(NO_RULES, target, true), NO_RULES);
      expect(pauseOf(paused, task)).toBe(barrierOf(target));
      expect(pauseOf(paused, { group: null, type: "k", key: "g" })).toBeNull();
      expect(setPaused(paused, target, true).kind).toBe("unchanged");
      expect(after(setPaused(paused, target, false), paused)).toEqual(NO_RULES);
    }
  });

  it("that names nothing is of the whole fleet", () => {
    const paused = after(setPaused(NO_RULES, {}, true), NO_RULES);
    expect(paused.paused.fleet).toBe(true);
    expect(pauseOf(paused, task)).toBeNull();
    expect(barrierOf({})).toBeNull();
  });

  it("that names two things is refused", () => {
    expect(PauseRequest.safeParse({ group: "g", type: "t" }).success).toBe(false);
    expect(PauseRequest.safeParse({ queue: "q" }).success).toBe(false);
  });
});

describe("a concurrency limit", () => {
  it("is 1 for a key, none for a type, and what was set for either", () => {
    expect(neededBy(NO_RULES, task)).toEqual([{ id: "key:k", limit: 1 }]);
    expect(neededBy(NO_RULES, { ...task, key: null })).toEqual([]);
    const ofType = after(setLimit(NO_RULES, { type: "t", limit: 5 }), NO_RULES);
    const both = after(setLimit(ofType, { key: "k", limit: 2 }), ofType);
    expect(neededBy(both, task)).toEqual([
      { id: "key:k", limit: 2 },
      { id: "type:t", limit: 5 },
    ]);
    expect(setLimit(both, { key: "k", limit: 2 }).kind).toBe("unchanged");
    const back = after(setLimit(both, { key: "k", limit: null }), both);
    expect(neededBy(back, task)[0]).toEqual({ id: "key:k", limit: 1 });
  });

  it("of a name that every object has is refused, and such a type has none", () => {
    expect(LimitRequest.safeParse({ type: "constructor", limit: 1 }).success).toBe(false);
    expect(neededBy(NO_RULES, { group: null, type: "constructor", key: "toString" })).toEqual([
      { id: "key:toString", limit: 1 },
    ]);
  });

  it("names a type or a key, and is from 1 to 100 or none", () => {
    for (const bad of [{ limit: 1 }, { type: "t", key: "k", limit: 1 }, { type: "t" }])
      expect(LimitRequest.safeParse(bad).success).toBe(false);
    for (const limit of [0, -1, 101, 1.5, "1"])
      expect(LimitRequest.safeParse({ type: "t", limit }).success).toBe(false);
    for (const limit of [1, 100, null])
      expect(LimitRequest.safeParse({ type: "t", limit }).success).toBe(true);
  });
});

describe("a barrier", () => {
  it("has the permits of its limit: one for a key, none known for a type without limit or a group", () => {
    const ofType = after(setLimit(NO_RULES, { type: "t:x", limit: 4 }), NO_RULES);
    const rules = after(setLimit(ofType, { key: "k", limit: 2 }), ofType);
    expect(permitsAt(rules, "type:t:x")).toBe(4);
    expect(permitsAt(rules, "key:k")).toBe(2);
    expect(permitsAt(rules, "key:other")).toBe(1);
    expect(permitsAt(rules, "type:other")).toBeNull();
    expect(permitsAt(rules, "group:g")).toBeNull();
  });

  it("is closed by its own pause and by no other", () => {
    const rules = after(setPaused(NO_RULES, { group: "g:1" }, true), NO_RULES);
    expect(isPausedAt(rules, "group:g:1")).toBe(true);
    expect(isPausedAt(rules, "type:g:1")).toBe(false);
    expect(setPaused(NO_RULES, {}, false).kind).toBe("unchanged");
  });
});

it("a fleet has a bounded number of pauses and limits together", () => {
  let rules: Rules = NO_RULES;
  for (let i = 0; i < RULES_LIMIT; i++)
    rules = after(
      i % 2 ? setPaused(rules, { key: `k${i}` }, true) : setLimit(rules, { type: `t${i}`, limit: 1 }),
      rules,
    );
  for (const more of [setPaused(rules, { group: "g" }, true), setLimit(rules, { key: "k", limit: 3 })])
    expect(more).toMatchObject({ kind: "refused", refusal: { refused: "rules.full" } });
  expect(setPaused(rules, { key: "k1" }, false).kind).toBe("commit");
  expect(setPaused(rules, {}, true).kind).toBe("commit");
});

describe("a semaphore", () => {
  const PLACE = { fleet: "f", id: "key:k" };

  it("never gives more permits than its limit, and each to one tenure", () => {
    const tenure = fc.record({
      task: fc.constantFrom("a", "b", "c"),
      session: fc.constantFrom("s1", "s2"),
      fence: fc.integer({ min: 1, max: 3 }),
    });
    const step = fc.oneof(
      fc.record({ kind: fc.constant("acquire" as const), tenure }),
      fc.record({ kind: fc.constant("release" as const), tenure }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 30 }), (limit, steps) => {
        let semaphore: SemaphoreRecord | null = null;
        for (const { kind, tenure: one } of steps) {
          const before: SemaphoreRecord | null = semaphore;
          const had = permitsGiven(before);
          const decision: Decision<SemaphoreRecord> =
            kind === "acquire" ? acquire(before, PLACE, one, limit) : release(before, one);
          if (decision.kind === "commit") semaphore = decision.next;
          expect(permitsGiven(semaphore)).toBeLessThanOrEqual(limit);
          if (kind === "release") expect(hasPermit(semaphore, one)).toBe(false);
          const later = before?.permits[one.task]?.[one.session] ?? 0;
          if (kind === "acquire" && had < limit) expect(hasPermit(semaphore, one)).toBe(later <= one.fence);
          // What follows is never hidden by what came before it.
          if (kind === "acquire" && later > one.fence) expect(semaphore).toBe(before);
          expect(tenuresOf(semaphore ?? { permits: {} })).toHaveLength(permitsGiven(semaphore));
        }
      }),
    );
  });

  it("hands a waiting assignment's permit over though none is left, and to nobody else", () => {
    const first = { task: "a", session: "s1", fence: 1 };
    const full = after<SemaphoreRecord | null>(acquire(null, PLACE, first, 1), null);
    expect(acquire(full, PLACE, { task: "b", session: "s2", fence: 1 }, 1).kind).toBe("unchanged");
    expect(acquire(full, PLACE, { task: "a", session: "s2", fence: 2 }, 1).kind).toBe("unchanged");
    expect(acquire(full, PLACE, { task: "b", session: "s2", fence: 1 }, 1, "s1").kind).toBe("unchanged");
    const moved = acquire(full, PLACE, { task: "a", session: "s2", fence: 2 }, 0, "s1");
    const both = after<SemaphoreRecord | null>(moved, full);
    expect(permitsGiven(both)).toBe(2);
    const left = after(release(both, first), both);
    expect(tenuresOf(left ?? { permits: {} })).toEqual([{ task: "a", session: "s2", fence: 2 }]);
  });

  it("lets a release of an earlier tenure change nothing", () => {
    const now = after<SemaphoreRecord | null>(
      acquire(null, PLACE, { task: "a", session: "s1", fence: 5 }, 1),
      null,
    );
    expect(release(now, { task: "a", session: "s1", fence: 4 }).kind).toBe("unchanged");
    expect(release(now, { task: "a", session: "s2", fence: 5 }).kind).toBe("unchanged");
    expect(release(null, { task: "a", session: "s1", fence: 5 }).kind).toBe("unchanged");
  });
});
