import { expect, test } from "vitest";
import { NO_MEMORY, remember } from "../../../agent/checkpoints/session-memory.ts";
import { promptAfterStall } from "../../../agent/supervise/prompts.ts";

test("an agent that is started again after a hang knows what to do, whether it goes on with its own session or with none", () => {
  const input = { command: "npm ci" };
  const begun = { type: "tool_started" as const, id: "1", name: "Bash", summary: "npm ci", input };
  const memory = remember(remember(NO_MEMORY, begun, 1), { type: "tool_ended", id: "1", ok: true }, 2);
  const own = promptAfterStall("no output for 10 min", memory, null);
  const fresh = promptAfterStall("no output for 10 min", memory, "Task t (test):\nMake it green.");
  expect(fresh).toMatch(/^Task t \(test\):\nMake it green\./);
  for (const prompt of [own, fresh]) {
    expect(prompt).toContain("no output for 10 min");
    expect(prompt).toContain("Finished; do not repeat these:\n- Bash: npm ci");
  }
});
