import { describe, expect, it } from "vitest";
import type { TaskRecord } from "../../shared/contract/records.ts";
import { nextTaskPrompt, outcomeOf, takenReason, wasTaken } from "../../shared/domain/hook-answers.ts";

const tenure = { session: "s1", epoch: 1, fence: 3 };
const task = (over: object) =>
  ({ state: "queued", fence: 4, settledBy: null, lastHolder: null, ...over }) as unknown as TaskRecord;
const cancelled = (over: object) =>
  task({ state: "cancelled", settledBy: { fence: 3 }, lastHolder: tenure, ...over });

describe("whether a task was taken from a tenure", () => {
  it.each<[string, TaskRecord, boolean]>([
    ["its fence is still the tenure's", task({ fence: 3 }), false],
    ["nobody settled it, and its fence went on", task({}), true],
    ["it was settled only before the tenure", task({ settledBy: { fence: 2 } }), true],
    ["the tenure settled it itself", task({ settledBy: { fence: 3 } }), false],
    ["a later holder settled it, so that nothing is sure", task({ settledBy: { fence: 4 } }), false],
    ["it was cancelled under the tenure", cancelled({}), true],
    ["it was cancelled and nobody held it", cancelled({ lastHolder: null }), false],
    [
      "it was cancelled under another session",
      cancelled({ lastHolder: { ...tenure, session: "s2" } }),
      false,
    ],
    ["it was cancelled under a later start of it", cancelled({ lastHolder: { ...tenure, epoch: 2 } }), false],
    ["it was cancelled under a later fence", cancelled({ lastHolder: { ...tenure, fence: 4 } }), false],
  ])("%s", (_, given, taken) => {
    expect(wasTaken(given, tenure)).toBe(taken);
  });

  it("is said with what became of it", () => {
    expect(takenReason("a", true)).toContain("task a was cancelled");
    expect(takenReason("a", false)).toContain("task a was taken from this session");
  });
});

describe("how a tool call ended", () => {
  it.each<[unknown, "ok" | "failed"]>([
    [{ is_error: true }, "failed"],
    [{ isError: true }, "failed"],
    [{ exitCode: 2 }, "failed"],
    [{ metadata: { exit_code: 1 } }, "failed"],
    [{ metadata: null }, "ok"],
    [{ metadata: "exit_code 1" }, "ok"],
    [{ exit_code: "1" }, "ok"],
    [null, "ok"],
    [undefined, "ok"],
  ])("by the answer of the tool %j", (tool_response, outcome) => {
    expect(outcomeOf({ hook_event_name: "PostToolUse", tool_response })).toBe(outcome);
  });
});

describe("the next task as a prompt", () => {
  it("names its id and fence, and what was left of it if anything was", () => {
    const held = { task: { id: "a", type: "code", data: "Fix it." }, fence: 5, resume: null };
    const fresh = nextTaskPrompt(held as never);
    expect(fresh).toContain("Fix it.");
    expect(fresh).toContain("task a, fence 5");
    const resumed = nextTaskPrompt({ ...held, resume: { text: "Half is done." } } as never);
    expect(resumed.replace("\n\nHalf is done.", "")).toBe(fresh);
  });
});
