import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SubmissionRecord } from "../../shared/contract/records.ts";
import { canonicalJson, hashOf } from "../../shared/domain/canonical-json.ts";
import {
  NO_GROUP,
  SUBMISSION_WINDOW_MS,
  newRecount,
  newSubmissions,
  newTask,
  submissionHash,
} from "../../shared/domain/new-task.ts";
import { complete } from "../../shared/domain/task-settlement.ts";
import { assign, start } from "../../shared/domain/task-transitions.ts";
import { NO_TOTALS, addTotals, openMembers, totalsOf } from "../../shared/domain/totals.ts";
import { keyView, taskView } from "../../shared/domain/views.ts";

const REF = { at: "inline", json: "1" } as const;

describe("canonical JSON", () => {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, item]) => [name, reversed(item)]),
    );
  };

  it("is the same text for the same value, whatever the order of keys, and reads back as it", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(reversed(value))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("orders keys by their code units, drops undefined fields and keeps undefined entries as null", () => {
    expect(canonicalJson({ b: 1, a: { d: 1, c: undefined }, A: [undefined, 2] })).toBe(
      '{"A":[null,2],"a":{"d":1},"b":1}',
    );
    expect(canonicalJson(undefined)).toBe("null");
    expect(canonicalJson({ "\u20ac": 1, "\r": 2, "\ud83d\ude00": 3, "\ufb33": 4 })).toBe(
      '{"\\r":2,"\u20ac":1,"\ud83d\ude00":3,"\ufb33":4}',
    );
  });

  it("tells values apart by their hash", () => {
    expect(hashOf(1, "2")).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(new Set([hashOf(1, 2), hashOf([1, 2]), hashOf(12), hashOf("1", 2), hashOf(2, 1)]).size).toBe(5);
  });
});

describe("a submitted task", () => {
  const plain = { type: "t", data: { a: 1 } };

  it("is the same whether a default is spelled out or left out, and another if anything differs", () => {
    const spelled = { ...plain, priority: 3, dependsOn: [], requires: [], maxAttempts: 3 };
    expect(submissionHash(spelled)).toBe(submissionHash(plain));
    const others = [
      ...[
        { type: "u" },
        { data: { a: 2 } },
        { priority: 2 },
        { group: "g" },
        { dependsOn: ["x"] },
        { key: "k" },
      ],
      ...[{ requires: ["r"] }, { affinity: { host: "h" } }, { maxAttempts: 4 }, { timeoutMs: 5 }],
    ];
    const hashes = others.map((other) => submissionHash({ ...plain, ...other }));
    expect(new Set([submissionHash(plain), ...hashes]).size).toBe(others.length + 1);
  });

  it("is filed with at most 24 others of its group, found again by a repeat, but not by one too late", () => {
    const tasks = Array.from({ length: 30 }, (_, i) => ({
      ...plain,
      id: `t${i}`,
      group: i < 3 ? "g" : undefined,
    }));
    const filed = newSubmissions("f", tasks, SUBMISSION_WINDOW_MS);
    expect(filed.map(({ group, members }) => [group, members.length])).toEqual([
      ["g", 3],
      [NO_GROUP, 25],
      [NO_GROUP, 2],
    ]);
    const ids = (nowMs: number) => newSubmissions("f", tasks, nowMs).map(({ id }) => id);
    expect(ids(2 * SUBMISSION_WINDOW_MS - 1)).toEqual(filed.map(({ id }) => id));
    expect(ids(2 * SUBMISSION_WINDOW_MS)).not.toEqual(filed.map(({ id }) => id));
  });

  it("is counted anew after each redrive, by an item that whoever makes it names alike", () => {
    const task = { fleet: "f", group: null, id: "t" };
    const recount = newRecount(task, 1, 5);
    expect(recount).toMatchObject({ group: NO_GROUP, members: ["t"] });
    expect(newRecount(task, 1, 1e9).id).toBe(recount.id);
    expect(newRecount(task, 2, 5).id).not.toBe(recount.id);
    expect(
      addTotals(totalsOf({ ...recount, completed: [0] }), { ...NO_TOTALS, total: 1, failed: 1 }),
    ).toEqual({
      ...NO_TOTALS,
      total: 1,
      completed: 1,
    });
  });
});

describe("totals", () => {
  const counts = fc.record({ total: fc.nat(), completed: fc.nat(), failed: fc.nat(), cancelled: fc.nat() });

  it("add up in any order", () => {
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        expect(addTotals(a, b)).toEqual(addTotals(b, a));
        expect(addTotals(a, NO_TOTALS)).toEqual(a);
      }),
    );
  });

  it("of a submission count every member once: ended, open or void", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 25 }), (fates) => {
        const where = (fate: number) => fates.flatMap((other, i) => (other === fate ? [i] : []));
        const [submission] = newSubmissions("f", [{ id: "x", type: "t", data: 1 }], 0) as [SubmissionRecord];
        const filed = {
          ...submission,
          members: fates.map((_, i) => `t${i}`),
          ...{ completed: where(0), failed: where(1), cancelled: where(2), void: where(3) },
        };
        const { total, completed, failed, cancelled } = totalsOf(filed);
        expect(openMembers(filed)).toEqual(where(4).map((i) => `t${i}`));
        expect(total).toBe(completed + failed + cancelled + openMembers(filed).length);
      }),
    );
  });
});

describe("what answers show", () => {
  const task = newTask("f", { id: "t", type: "t", data: 1 }, REF, { id: "sub_x", index: 0 }, 0);
  const running = start(assign(task as never, { session: "s1", epoch: 1, host: "h" }, 1_000), 1_000);

  it("is whom a task belongs to, or who settled it last", () => {
    expect(taskView(task, { data: 1 })).toMatchObject({ sessionId: null, result: null, endedAt: null });
    expect(taskView(running, { data: 1 })).toMatchObject({
      sessionId: "s1",
      startedAt: "1970-01-01T00:00:01.000Z",
    });
    const done = complete(
      running,
      { session: "s1", epoch: 1, fence: 1 },
      "x",
      { result: REF, evidence: null },
      2_000,
    );
    if (done.kind !== "commit") throw new Error("not completed");
    expect(taskView(done.next, { data: 1, result: 7 })).toMatchObject({
      ...{ sessionId: "s1", result: 7, endedAt: "1970-01-01T00:00:02.000Z" },
      progress: { percent: 100, message: null },
    });
  });

  it("is what a beat said last, before what was reported earlier", () => {
    const told = { percent: 60, message: "six" };
    expect(
      taskView({ ...running, progress: { percent: 5, message: null } }, { data: 1 }, told).progress,
    ).toEqual(told);
  });

  it("is never a key's secret nor the hash of it", () => {
    const shown = keyView({
      ...({ v: 1, rev: 1, fleet: "f", id: "key_1", scope: "agent", name: "n", secretHash: "HASH" } as const),
      ...{ createdAtMs: 0, expiresAtMs: 1, revokedAtMs: null },
    });
    expect(shown).toMatchObject({ expiresAt: "1970-01-01T00:00:00.001Z", revokedAt: null });
    expect(JSON.stringify(shown)).not.toContain("HASH");
  });
});
