import { expect, test } from "vitest";
import { promptOf } from "../../shared/contract/task-prompt.ts";

const task = (data: unknown) => ({ id: "t-1", type: "fix", data });

test("a task whose data is a text, or has one as prompt, asks for just that", () => {
  expect(promptOf(task("Fix the parser."))).toBe("Fix the parser.");
  expect(promptOf(task({ prompt: "Fix the parser.", repository: "r" }))).toBe("Fix the parser.");
});

test("any other data is shown whole, with what the task is", () => {
  for (const data of [
    { file: "a.ts" },
    { prompt: 7, file: "a.ts" },
    { prompt: " " },
    "",
    null,
    undefined,
    [1],
  ]) {
    const prompt = promptOf(task(data));
    expect(prompt).toContain("task t-1 of type fix");
    expect(prompt).toContain(JSON.stringify(data ?? null, null, 2));
  }
});
