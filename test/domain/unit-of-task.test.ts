import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { UnitRecord } from "../../shared/contract/experiments.ts";
import { TASK_EVENTS_LIMIT } from "../../shared/contract/limits.ts";
import type { EndedTask, KeptEvent } from "../../shared/contract/records.ts";
import { lastHolderOf, unitOfTask } from "../../shared/domain/experiments/unit-of-task.ts";
import { usedBy } from "../../shared/domain/experiments/used.ts";
import { aCompletedTask, aFailedTask } from "../conformance/record-fixtures.ts";

const AT_MS = Date.UTC(2030, 0, 1);
const ENDED_MS = AT_MS + 1_000;

/** Events at milliseconds after the submission. */
const started = (t: number, o = "s1", n = 1): KeptEvent => ({ s: "running", t: AT_MS + t, o, n });
const queued = (t: number, over: Partial<KeptEvent> = {}): KeptEvent => ({
  s: "queued",
  t: AT_MS + t,
  ...over,
});
const crashed = (t: number, b: number | null, e: KeptEvent["e"] = "timeout"): KeptEvent =>
  queued(t, { o: "s1", c: "task.crash", e, ...(b !== null && { b: AT_MS + b }) });

const completed = (over: Partial<Parameters<typeof aCompletedTask>[1]> = {}): EndedTask =>
  aCompletedTask("f", { startedAtMs: AT_MS + 100, events: [started(100)], ...over });
const cancelled = (over: Partial<EndedTask> = {}): EndedTask => {
  const { result: _result, evidence: _evidence, ...task } = aCompletedTask("f");
  return { ...task, lastHolder: null, ...over, state: "cancelled" };
};
const valuesOf = (task: EndedTask) => unitOfTask(task).outcome.values;

describe("a task as a unit", () => {
  it("is known by its id and how often it was redriven, and filed under its end", () => {
    const holder = { host: "host-7", agent: "codex", cwd: "/srv/größe/" };
    expect(unitOfTask(completed({ redrives: 2 }), holder)).toMatchObject({
      ...{ fleet: "f", kind: "task", id: "task_1", generation: 2, type: "build" },
      ...{ host: "host-7", agent: "codex", repository: "größe", startedAtMs: AT_MS },
      outcome: { endedAtMs: ENDED_MS },
    });
    expect(unitOfTask(completed())).toMatchObject({ host: null, agent: null, repository: null });
  });

  it("that completed at once has waited, taken one attempt and wasted nothing", () => {
    expect(valuesOf(completed())).toEqual({
      ...{ completed: 1, failed: 0, attempts: 1, durationMs: 900, waitMs: 100, wastedMs: 0 },
    });
  });

  it("wastes the time of each start but the last, and recovers from each last beat", () => {
    const events = [
      ...[started(100), crashed(300, 250), started(350, "s2", 2)],
      ...[queued(450, { o: "s2", c: "task.failed", e: "exit" }), started(500, "s3", 3)],
      ...[crashed(600, 550), { ...started(650, "s1", 4), s: "assigned" as const }, started(700, "s1", 4)],
    ];
    const task = completed({ events, attempt: 4, startedAtMs: AT_MS + 700 });
    expect(valuesOf(task)).toMatchObject({
      ...{ attempts: 4, wastedMs: 200 + 100 + 100, waitMs: 100, durationMs: 300 },
      recoveryMs: (100 + 150) / 2,
    });
    expect(unitOfTask(task).facts).toEqual({
      ...{ end: "completed", crashes: 2, sessions: 3, lastSession: "s1", waits: 4 },
    });
  });

  it("that failed wasted all its time, and its last crash counts though it is no event", () => {
    const error = { code: "task.crash", message: "gone" };
    const task = aFailedTask("f", {
      error,
      attempt: 2,
      events: [started(100), crashed(300, null), started(400)],
    });
    expect(valuesOf(task)).toEqual({
      completed: 0,
      failed: 1,
      attempts: 2,
      waitMs: 100,
      wastedMs: 200 + 600,
    });
    expect(unitOfTask(task).facts).toMatchObject({ end: "failed", crashes: 2 });
    const said = { session: "s1", epoch: 1, fence: 1, bodyHash: "h" };
    expect(unitOfTask({ ...task, settledBy: said }).facts).toMatchObject({ crashes: 1 });
    expect(unitOfTask({ ...task, settledBy: { ...said, fence: 0 } }).facts).toMatchObject({ crashes: 2 });
  });

  it.each<[string, KeptEvent]>([
    ["its holder calls so", queued(300, { o: "s1", c: "task.crash", e: "exit" })],
    ["took a task that only waited", queued(300, { o: "s1", c: "task.crash" })],
    ["was a limit of its time", queued(300, { o: "s1", c: "task.timeout", e: "timeout" })],
  ])("counts no crash that %s", (_, event) => {
    expect(unitOfTask(completed({ events: [started(100), event, started(400)] })).facts).toMatchObject({
      crashes: 0,
    });
  });

  it("that only waited for a session that crashed counts when that was, and no waste", () => {
    const events = [
      { ...started(100), s: "assigned" as const },
      queued(300, { o: "s1", c: "task.crash", b: AT_MS + 200 }),
      started(350),
    ];
    expect(valuesOf(completed({ events }))).toMatchObject({ recoveryMs: 150, wastedMs: 0, waitMs: 350 });
  });

  it("waits from the end of its last dependency, and as long as it is not known when that was, for nothing", () => {
    const dependsOn = ["dep_1"];
    expect(valuesOf(completed({ dependsOn, events: [queued(60), started(100)] })).waitMs).toBe(40);
    expect(valuesOf(completed({ dependsOn })).waitMs).toBeUndefined();
  });

  it("begins anew with each redrive", () => {
    const failed = { s: "failed", t: AT_MS + 200, o: "s1" } as const;
    const before = [started(10), crashed(50, 40), started(60), failed];
    const again = completed({
      redrives: 1,
      events: [...before, queued(300), started(340, "s9")],
      attempt: 1,
    });
    expect(unitOfTask(again)).toMatchObject({
      ...{ generation: 1, startedAtMs: AT_MS + 300 },
      outcome: { values: { waitMs: 40, wastedMs: 0, attempts: 1 } },
      facts: { crashes: 0, sessions: 1, lastSession: "s9", waits: 1 },
    });
    const blocked = { ...queued(300), s: "blocked" as const };
    const later = completed({ redrives: 1, events: [...before, blocked, queued(320), started(340)] });
    expect(valuesOf(later).waitMs).toBe(20);
    const lost = aFailedTask("f", { redrives: 1, events: [...before, blocked], attempt: 0 });
    expect(unitOfTask(lost).outcome.values).toEqual({});
    expect(lastHolderOf(lost)).toBeNull();
  });

  it("leaves out what is not kept of its beginning", () => {
    const many = Array.from({ length: TASK_EVENTS_LIMIT }, (_, i) => started(i, "s5"));
    for (const task of [
      completed({ events: many }),
      completed({ redrives: 1 }),
      completed({ events: undefined }),
      completed({ attempt: 3 }),
    ]) {
      const { outcome, facts } = unitOfTask(task);
      expect(Object.keys(outcome.values).sort()).toEqual(["attempts", "completed", "durationMs", "failed"]);
      expect(facts).not.toHaveProperty("crashes");
    }
    expect(unitOfTask(completed({ events: many })).facts).toEqual({ end: "completed", lastSession: "s5" });
  });

  it("says nothing of the work where a cancellation or a dependency ended it", () => {
    const events = [started(100), crashed(300, 250), started(350, "s2", 2)];
    expect(valuesOf(cancelled({ events }))).toEqual({ waitMs: 100, recoveryMs: 100 });
    expect(unitOfTask(cancelled({ events })).facts).toMatchObject({ end: "cancelled", lastSession: "s2" });
    const dependency = { code: "dependency.failed", message: "no" };
    expect(valuesOf(aFailedTask("f", { error: dependency, attempt: 0, dependsOn: ["d"] }))).toEqual({});
  });

  it("that was given back too often has failed, though no attempt ended", () => {
    const error = { code: "placements.spent", message: "no" };
    const events = [{ ...started(100), s: "assigned" as const }];
    expect(valuesOf(aFailedTask("f", { error, attempt: 0, events }))).toEqual({
      ...{ completed: 0, failed: 1, attempts: 0, wastedMs: 0 },
    });
  });

  it("has no duration if it does not say when it was started", () => {
    expect(valuesOf(completed({ startedAtMs: null }))).not.toHaveProperty("durationMs");
  });

  it("used what its result says, wherever that lies", () => {
    const json = JSON.stringify({ text: "done", totalTokens: 1_234, costUsd: 0.5 });
    const used = { tokens: 7, costUsd: 0.25 };
    expect(valuesOf(completed({ result: { at: "inline", json } }))).toMatchObject({
      tokens: 1_234,
      costUsd: 0.5,
    });
    expect(valuesOf(completed({ result: { at: "item", key: "k" }, used }))).toMatchObject(used);
    const unsaid = valuesOf(completed({ result: { at: "object", key: "k" } }));
    expect(unsaid).not.toHaveProperty("tokens");
  });

  test("is valid whatever happened, and never measures less than nothing", () => {
    const atMs = fc.integer({ min: AT_MS - 1_000, max: AT_MS + 5_000 });
    const event: fc.Arbitrary<KeptEvent> = fc.record(
      {
        s: fc.constantFrom("queued", "assigned", "running", "failed", "blocked"),
        t: atMs,
        o: fc.constantFrom("s1", "s2"),
        c: fc.constantFrom("task.crash", "task.timeout", "x"),
        b: atMs,
        e: fc.constantFrom("crash", "lost", "timeout", "exit", "done", "unknown"),
      },
      { requiredKeys: ["s", "t"] },
    );
    const result = fc.json().map((json) => ({ at: "inline" as const, json }));
    const over = fc.record({
      events: fc.option(fc.array(event, { maxLength: TASK_EVENTS_LIMIT }), { nil: undefined }),
      attempt: fc.nat(4),
      redrives: fc.nat(2),
      endedAtMs: atMs,
      startedAtMs: fc.option(atMs),
      dependsOn: fc.array(fc.constant("dep_1"), { maxLength: 1 }),
    });
    fc.assert(
      fc.property(over, result, fc.nat(2), (fields, ended, which) => {
        const task = [completed({ ...fields, result: ended }), aFailedTask("f", fields), cancelled(fields)][
          which
        ];
        if (!task) throw new Error("no such task");
        const unit = unitOfTask(task);
        expect(UnitRecord.parse(unit)).toEqual(unit);
        for (const value of Object.values(unit.outcome.values)) expect(value).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe("what a result says that was used", () => {
  it.each<[unknown, object]>([
    [
      { totalTokens: 12.6, costUsd: 0.123_456_789 },
      { tokens: 13, costUsd: 0.123_457 },
    ],
    [
      { total_tokens: 5, total_cost_usd: 2 },
      { tokens: 5, costUsd: 2 },
    ],
    [{ totalTokens: "many", tokens: 3 }, { tokens: 3 }],
    [
      { totalTokens: 0, costUsd: 1e-200 },
      { tokens: 0, costUsd: 0 },
    ],
    [{ totalTokens: -1, costUsd: NaN }, {}],
    [{ totalTokens: Infinity, costUsd: 1e13 }, {}],
    [null, {}],
    ["12 tokens", {}],
    [[{ totalTokens: 1 }], {}],
  ])("of %j is %j", (result, used) => {
    expect(usedBy(result)).toEqual(used);
  });
});
