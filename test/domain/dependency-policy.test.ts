import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EndedTask, TaskRecord } from "../../shared/contract/records.ts";
import { TaskRecord as TaskSchema } from "../../shared/contract/records.ts";
import { FailurePolicy } from "../../shared/contract/task.ts";
import { endDependency, settleBlocked } from "../../shared/domain/dependency-policy.ts";
import { newTask, submissionHash } from "../../shared/domain/new-task.ts";

const REF = { at: "inline", json: "1" } as const;
const PLACE = { id: "sub_x", index: 0 };
const ENDS = ["completed", "failed", "cancelled"] as const;
type Edge = { readonly policy: FailurePolicy; readonly end: (typeof ENDS)[number] };

function dependent(edges: readonly Edge[]): TaskRecord {
  const dependsOn = edges.map(({ policy }, i) => ({ id: `d${i}`, onFailure: policy }));
  return newTask("f", { id: "t", type: "t", data: 1, dependsOn }, REF, PLACE, 0);
}

function ended(id: string, state: Edge["end"]): EndedTask {
  const base = newTask("f", { id, type: "t", data: 1 }, REF, PLACE, 0);
  const fields = { result: REF, evidence: null, error: { message: "" }, lastHolder: null, endedAtMs: 0 };
  return { ...base, state, ...fields, effectsPending: true };
}

/** The dependent once its dependencies have ended in this order. */
function afterAll(edges: readonly Edge[], order: readonly number[]): TaskRecord {
  let task = dependent(edges);
  for (const i of order) {
    const decision = endDependency(task, ended(`d${i}`, edges[i]?.end ?? "completed"), 1);
    if (decision.kind === "commit") task = decision.next;
    expect(TaskSchema.parse(task)).toEqual(task);
  }
  return task;
}

const outcome = (task: TaskRecord) => task.error?.code ?? task.state;
const edge: fc.Arbitrary<Edge> = fc.record({
  policy: fc.constantFrom(...FailurePolicy.options),
  end: fc.constantFrom(...ENDS),
});

describe("what a dependency's end means to its dependent", () => {
  it.each([
    ["fail", "completed", "queued"],
    ["fail", "failed", "dependency.failed"],
    ["fail", "cancelled", "dependency.failed"],
    ["skip", "completed", "queued"],
    ["skip", "failed", "dependency.skipped"],
    ["skip", "cancelled", "dependency.skipped"],
    ["run", "completed", "queued"],
    ["run", "failed", "queued"],
    ["run", "cancelled", "queued"],
  ] as const)("with policy %s when it has %s: %s", (policy, end, expected) => {
    expect(outcome(afterAll([{ policy, end }], [0]))).toBe(expected);
  });

  it("fails at once by a lost fail edge, waits with a skip for the fail edges alone, and runs after all", () => {
    const [lost, held] = ["failed", "completed"] as const;
    const two = (a: FailurePolicy, b: FailurePolicy) => [
      { policy: a, end: lost },
      { policy: b, end: held },
    ];
    expect(outcome(afterAll(two("fail", "skip"), [0]))).toBe("dependency.failed");
    expect(outcome(afterAll(two("skip", "fail"), [0]))).toBe("blocked");
    expect(outcome(afterAll(two("skip", "fail"), [0, 1]))).toBe("dependency.skipped");
    expect(outcome(afterAll(two("skip", "skip"), [0]))).toBe("dependency.skipped");
    expect(outcome(afterAll(two("skip", "run"), [0]))).toBe("dependency.skipped");
    expect(outcome(afterAll(two("run", "fail"), [0]))).toBe("blocked");
    expect(outcome(afterAll(two("run", "fail"), [0, 1]))).toBe("queued");
  });

  it("follows from how the dependencies end alone, whatever their order and however often it is told", () => {
    const story = fc.array(edge, { minLength: 1, maxLength: 6 }).chain((edges) => {
      const places = edges.map((_, i) => i);
      const once = fc.shuffledSubarray(places, { minLength: places.length });
      return fc.tuple(fc.constant(edges), once, fc.array(fc.constantFrom(...places), { maxLength: 12 }));
    });
    fc.assert(
      fc.property(story, ([edges, order, repeats]) => {
        const lost = new Set(edges.filter(({ end }) => end !== "completed").map(({ policy }) => policy));
        const expected = lost.has("fail")
          ? "dependency.failed"
          : lost.has("skip")
            ? "dependency.skipped"
            : "queued";
        expect(outcome(afterAll(edges, order))).toBe(expected);
        expect(outcome(afterAll(edges, [...repeats, ...order]))).toBe(expected);
      }),
    );
  });

  it("leaves a task alone that is not blocked, or does not wait for it", () => {
    const task = dependent([{ policy: "fail", end: "failed" }]);
    expect(endDependency(task, ended("other", "failed"), 1).kind).toBe("unchanged");
    expect(settleBlocked(task, 1).kind).toBe("unchanged");
    const failed = afterAll([{ policy: "fail", end: "failed" }], [0]);
    expect(endDependency(failed, ended("d0", "completed"), 1).kind).toBe("unchanged");
    expect(settleBlocked(failed, 1).kind).toBe("unchanged");
  });
});

describe("a submission's dependencies", () => {
  const hash = (...dependsOn: (string | { id: string; onFailure: FailurePolicy })[]) =>
    submissionHash({ type: "t", data: 1, dependsOn });

  it("are the same whether fail is spelled out or not, and others with another policy", () => {
    expect(hash("a", { id: "b", onFailure: "fail" })).toBe(hash("a", "b"));
    expect(hash({ id: "a", onFailure: "run" })).not.toBe(hash("a"));
    expect(hash({ id: "a", onFailure: "run" })).not.toBe(hash({ id: "a", onFailure: "skip" }));
  });

  it("keep in the record only the policies that are not fail", () => {
    const none = dependent([{ policy: "fail", end: "failed" }]);
    expect(none).not.toHaveProperty("onFailure");
    const some = dependent([
      { policy: "run", end: "failed" },
      { policy: "fail", end: "failed" },
    ]);
    expect(some).toMatchObject({ dependsOn: ["d0", "d1"], onFailure: { d0: "run" } });
  });
});
