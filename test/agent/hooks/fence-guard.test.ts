import fc from "fast-check";
import { expect, test } from "vitest";
import { decideToolCall, type FenceFacts } from "../../../agent/hooks/fence-guard.ts";

const GOOD: FenceFacts = {
  nowMs: 10_000,
  lastBeatMs: 9_000,
  leaseUntilMs: 33_000,
  freshForMs: 15_000,
  over: null,
  taskLost: null,
};

test.each([
  ["while the last beat is fresh", {}, "open", true],
  ["while the control plane is silent and the lease holds", { nowMs: 30_000 }, "open", true],
  ["then not, where silence is enough to stop", { nowMs: 30_000 }, "closed", false],
  ["as its last beat is just fresh", { nowMs: 24_000 }, "closed", true],
  ["once the lease has expired", { nowMs: 33_000 }, "open", false],
  ["once the session was replaced", { over: "session.superseded" }, "open", false],
  ["once its task was taken away", { taskLost: "task.cancelled" }, "open", false],
] as const)("%s a tool call is allowed or not (%o, offline %s: %s)", (_when, facts, offline, allowed) => {
  const verdict = decideToolCall({ ...GOOD, ...facts }, offline);
  expect(verdict.allowed).toBe(allowed);
});

test("a reason says what happened and what to do; only a silence may end", () => {
  const reasonOf = (facts: Partial<FenceFacts>, offline: "open" | "closed" = "open") => {
    const verdict = decideToolCall({ ...GOOD, ...facts }, offline);
    return verdict.allowed ? "" : verdict.reason;
  };
  expect(reasonOf({ over: "session.superseded" })).toMatch(/replaced.*publish nothing/s);
  expect(reasonOf({ nowMs: 40_000 })).toMatch(/lease.*31\.0 s.*publish nothing/s);
  expect(reasonOf({ nowMs: 30_000 }, "closed")).toMatch(/not answered for 21\.0 s.*try again/);
});

test("past its lease nothing is ever allowed, whatever else is so", () => {
  const time = fc.integer({ min: 0, max: 1_000_000 });
  const reason = fc.option(fc.string());
  fc.assert(
    fc.property(
      fc.record({
        nowMs: time,
        lastBeatMs: time,
        leaseUntilMs: time,
        freshForMs: time,
        over: reason,
        taskLost: reason,
      }),
      fc.constantFrom("open" as const, "closed" as const),
      (facts, offline) => {
        const { allowed } = decideToolCall(facts, offline);
        if (facts.nowMs >= facts.leaseUntilMs || facts.over !== null || facts.taskLost !== null)
          expect(allowed).toBe(false);
        // Being strict never allows more.
        if (offline === "closed" && allowed) expect(decideToolCall(facts, "open").allowed).toBe(true);
      },
    ),
  );
});
