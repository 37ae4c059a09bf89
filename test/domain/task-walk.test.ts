import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EndedTask, TaskRecord } from "../../shared/contract/records.ts";
import { TaskRecord as TaskSchema } from "../../shared/contract/records.ts";
import type { TaskState } from "../../shared/contract/task.ts";
import type { Decision } from "../../shared/domain/decision.ts";
import {
  type Holder,
  complete,
  fail,
  isSettledBy,
  progress,
  release,
} from "../../shared/domain/task-settlement.ts";
import { endDependency, settleBlocked } from "../../shared/domain/dependency-policy.ts";
import { TASK_TRANSITIONS } from "../../shared/domain/task-state.ts";
import {
  assign,
  cancel,
  effectsDone,
  isEnded,
  isOwned,
  isOwnedBy,
  isReady,
  reassign,
  redrive,
  requeue,
  start,
  voidReservation,
} from "../../shared/domain/task-transitions.ts";
import { PLACEMENTS_LIMIT } from "../../shared/contract/limits.ts";
import { newTask } from "../../shared/domain/new-task.ts";

const PLACE = { id: "sub_x", index: 0 };
const REF = { at: "inline", json: "1" } as const;
const SESSIONS = ["s1", "s2"] as const;

function fresh(maxAttempts: number, blocked: boolean): TaskRecord {
  const submission = {
    id: "t",
    type: "t",
    data: 1,
    maxAttempts,
    timeoutMs: 50,
    dependsOn: blocked ? ["dep", { id: "skips", onFailure: "skip" as const }] : [],
  };
  return newTask("f", submission, REF, PLACE, 0);
}

/** What happens to a task next; each applies only where the system would do it. */
type Step = {
  readonly what:
    | ["assign", "start", "reassign", "complete", "fail", "release", "progress"][number]
    | ["crash", "timeout", "moved", "cancel", "redrive", "unblock", "dependency", "void", "effects"][number];
  readonly session: (typeof SESSIONS)[number];
  readonly stale: boolean;
  readonly uniform: number;
  readonly waitMs: number;
};
const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom<Step["what"]>(
    ...([
      "assign",
      "assign",
      "start",
      "start",
      "reassign",
      "complete",
      "fail",
      "release",
      "progress",
    ] as const),
    ...([
      "crash",
      "timeout",
      "moved",
      "cancel",
      "redrive",
      "unblock",
      "dependency",
      "void",
      "effects",
    ] as const),
  ),
  session: fc.constantFrom(...SESSIONS),
  stale: fc.boolean(),
  uniform: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  waitMs: fc.nat(400_000),
});

const lost = (skips: boolean) =>
  ({ ...fresh(1, false), id: skips ? "skips" : "dep", state: "cancelled" }) as unknown as EndedTask;
const committed = (task: TaskRecord, decision: Decision<TaskRecord>) =>
  decision.kind === "commit" ? decision.next : task;

function take(task: TaskRecord, { what, session, stale, uniform }: Step, nowMs: number): TaskRecord {
  const owner = { session, epoch: 1, host: "h" };
  const holder: Holder = { session, epoch: 1, fence: Math.max(1, stale ? task.fence - 1 : task.fence) };
  const failure = {
    error: { message: "no" },
    retryable: !stale,
    bodyHash: "fail",
    backoffBaseMs: 100,
    uniform,
  };
  const loss = { detail: "lost", backoffBaseMs: 100, uniform };
  switch (what) {
    case "assign":
      return isReady(task, nowMs) ? assign(task, owner, nowMs) : task;
    case "start":
      return task.state === "assigned" ? start(task, nowMs) : task;
    case "reassign":
      return task.state === "assigned" ? reassign(task, owner, nowMs) : task;
    case "complete":
      return committed(task, complete(task, holder, "complete", { result: REF, evidence: null }, nowMs));
    case "fail":
      return committed(task, fail(task, holder, failure, nowMs));
    case "release":
      return committed(task, release(task, holder, "release", nowMs));
    case "progress":
      return committed(task, progress(task, holder, 5, null, nowMs));
    case "crash":
    case "timeout":
    case "moved":
      return isOwned(task) ? requeue(task, { cause: what, ...loss }, nowMs) : task;
    case "cancel":
      return committed(task, cancel(task, null, nowMs));
    case "redrive":
      return committed(task, redrive(task, PLACE, stale ? ["dep"] : [], nowMs));
    case "unblock":
      return task.state === "blocked"
        ? committed(task, settleBlocked({ ...task, waitingOn: [] }, nowMs))
        : task;
    case "dependency":
      return committed(task, endDependency(task, lost(stale), nowMs));
    case "void":
      return task.state === "queued" ? voidReservation(task, task.fence + 1) : task;
    case "effects":
      return isEnded(task) ? effectsDone(task) : task;
  }
}

const holderOf = (task: TaskRecord) => (isOwned(task) ? `${task.owner.session}/${task.fence}` : null);

describe("any sequence of decisions on a task", () => {
  it("takes legal steps only, raises the fence with every change of holder, and bounds attempts and placements", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        fc.array(step, { maxLength: 60 }),
        (maxAttempts, blocked, steps) => {
          let task = fresh(maxAttempts, blocked);
          let nowMs = 0;
          const tenures = new Set<string>();
          for (const next of steps) {
            nowMs += next.waitMs;
            const before = task;
            task = take(before, next, nowMs);
            if (task === before) continue;
            expect(TaskSchema.parse(task)).toEqual(task);
            if (task.state !== before.state)
              expect(TASK_TRANSITIONS[before.state], `${before.state} -> ${task.state}`).toContain(
                task.state,
              );
            expect(task.fence).toBeGreaterThanOrEqual(before.fence);
            const changedHands = isOwned(before)
              ? !isOwned(task) || task.owner.session !== before.owner.session
              : isOwned(task);
            if (changedHands) expect(task.fence, `fence of ${next.what}`).toBeGreaterThan(before.fence);
            if (isEnded(before) && task.state !== before.state) expect(next.what).toBe("redrive");
            if (isEnded(before) && before.state !== "failed") expect(task.state).toBe(before.state);
            if (isEnded(task) && !isEnded(before) && before.state !== "blocked")
              expect(task.fence).toBeGreaterThan(before.fence);
            expect(task.attempt).toBeGreaterThanOrEqual(0);
            expect(task.attempt).toBeLessThanOrEqual(maxAttempts);
            expect(task.placements).toBeLessThanOrEqual(PLACEMENTS_LIMIT);
            const tenure = holderOf(task);
            if (tenure !== null && tenure !== holderOf(before)) {
              expect(tenures.has(String(task.fence)), `fence ${task.fence} was given before`).toBe(false);
              tenures.add(String(task.fence));
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("lets nothing but the present session, epoch and fence change a running task as its holder", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.constantFrom(...SESSIONS, "s3"),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 20 }),
        (steps, session, epoch, fence) => {
          let task = fresh(3, false);
          let nowMs = 0;
          for (const next of steps) task = take(task, next, (nowMs += next.waitMs));
          const holder = { session, epoch, fence };
          const holds = isOwnedBy(task, session, epoch) && task.fence === fence;
          const replays = isSettledBy(task, holder);
          const failure = {
            error: { message: "" },
            retryable: true,
            bodyHash: "x",
            backoffBaseMs: 1,
            uniform: 0,
          };
          const runs = holds && task.state === "running";
          expect(complete(task, holder, "x", { result: REF, evidence: null }, nowMs).kind === "commit").toBe(
            runs && !replays,
          );
          expect(fail(task, holder, failure, nowMs).kind === "commit").toBe(runs && !replays);
          expect(release(task, holder, "x", nowMs).kind === "commit").toBe(holds);
          if (!runs) expect(progress(task, holder, 1, null, nowMs).kind).toBe("refused");
        },
      ),
      { numRuns: 200 },
    );
  });

  it("never names the present fence in a refusal", () => {
    let task = fresh(3, false);
    task = { ...task, fence: 770 };
    task = take(task, { what: "assign", session: "s1", stale: false, uniform: 0, waitMs: 0 }, 1);
    task = take(task, { what: "start", session: "s1", stale: false, uniform: 0, waitMs: 0 }, 1);
    const refused = complete(
      task,
      { session: "s2", epoch: 1, fence: 3 },
      "x",
      { result: REF, evidence: null },
      1,
    );
    expect(refused).toMatchObject({ kind: "refused", refusal: { refused: "lease.stale" } });
    expect(JSON.stringify(refused)).not.toContain("771");
  });
});

describe("the table of transitions", () => {
  const states = Object.keys(TASK_TRANSITIONS) as TaskState[];
  const owner = { session: "s1", epoch: 1, host: "h" };
  const loss = { cause: "crash", detail: "", backoffBaseMs: 1, uniform: 0 } as const;
  const base = { ...fresh(3, false), waitingOn: [], owner, timeoutAtMs: null, endedAtMs: 1, result: REF };
  const inState = (state: TaskState) =>
    ({ ...base, state, lastHolder: null, effectsPending: false }) as unknown as TaskRecord;
  /** A decision that proposes each state, given any task whatever. */
  const proposals: Record<string, (task: never) => unknown> = {
    assigned: (task) => assign(task, owner, 0),
    "assigned again": (task) => reassign(task, owner, 0),
    running: (task) => start(task, 1),
  };

  it.each(states.flatMap((from) => Object.keys(proposals).map((name) => [from, name] as const)))(
    "keeps to it from %s to %s",
    (from, name) => {
      const to = name.split(" ")[0] as TaskState;
      const propose = () => proposals[name]?.(inState(from) as never);
      if (TASK_TRANSITIONS[from].includes(to)) expect(propose()).toMatchObject({ state: to });
      else expect(propose).toThrow("Broken invariant");
    },
  );

  it.each(states)("requeues, cancels and redrives from %s only if it allows", (from) => {
    const task = inState(from);
    const cancelled = cancel(task, "enough", 1);
    if (TASK_TRANSITIONS[from].includes("cancelled")) expect(cancelled).toMatchObject({ kind: "commit" });
    else expect(cancelled.kind).toBe(from === "cancelled" ? "unchanged" : "refused");
    const redriven = redrive(task, PLACE, [], 1);
    expect(redriven.kind).toBe(from === "failed" ? "commit" : "refused");
    if (!isOwned(task) && !TASK_TRANSITIONS[from].includes("queued"))
      expect(() => requeue(task as never, loss, 1)).toThrow("Broken invariant");
  });

  it("drops the fields of the state it leaves", () => {
    const running = start(assign(fresh(1, false) as never, owner, 5), 5);
    expect(running).not.toHaveProperty("notBeforeMs");
    expect(running).toMatchObject({ timeoutAtMs: 55, startedAtMs: 5 });
    expect(requeue(running, loss, 6)).toMatchObject({ state: "failed", error: { code: "task.crash" } });
    expect(requeue(running, loss, 6)).not.toHaveProperty("owner");
  });
});

describe("what a loss costs a task", () => {
  const owner = { session: "s1", epoch: 1, host: "h" };
  const running = (attempt: number) => ({
    ...start(assign(fresh(5, false) as never, owner, 10), 10),
    attempt,
  });
  const loss = { detail: "", backoffBaseMs: 1_000, uniform: 0.999_999 };

  it("retries a first crash at once, and what comes later after a backoff", () => {
    expect(requeue(running(1), { cause: "crash", ...loss }, 100)).toMatchObject({
      notBeforeMs: 100,
      attempt: 1,
    });
    expect(requeue(running(2), { cause: "crash", ...loss }, 100)).toMatchObject({ notBeforeMs: 2_100 });
    expect(requeue(running(1), { cause: "timeout", ...loss }, 100)).toMatchObject({ notBeforeMs: 1_100 });
  });

  it("spends no attempt when it is merely moved", () => {
    expect(requeue(running(2), { cause: "moved", ...loss }, 100)).toMatchObject({
      attempt: 1,
      notBeforeMs: 100,
    });
  });

  it("leaves one that only waited its turn in the queue", () => {
    const waiting = assign({ ...fresh(3, false), state: "queued", notBeforeMs: 7 } as never, owner, 7);
    expect(requeue(waiting, { cause: "crash", ...loss }, 100_000)).toMatchObject({
      state: "queued",
      notBeforeMs: 7,
    });
  });

  it("ends as a dead letter after too many assignments without a start", () => {
    const waiting = { ...assign(fresh(3, false) as never, owner, 0), placements: PLACEMENTS_LIMIT - 1 };
    expect(requeue(waiting, { cause: "crash", ...loss }, 1)).toMatchObject({
      state: "failed",
      error: { code: "placements.spent" },
      effectsPending: true,
    });
  });
});
