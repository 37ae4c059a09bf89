import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { NO_MEMORY, remember } from "../../../agent/checkpoints/session-memory.ts";
import { PROMPT_BYTES_LIMIT, promptAfterStall, refusePrompt } from "../../../agent/supervise/prompts.ts";

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

test("a prompt that is accepted fits a command line, with room for an account; a longer one is refused with what to do", () => {
  const longest = "ü".repeat(PROMPT_BYTES_LIMIT / 2);
  expect(refusePrompt(longest)).toBeNull();
  expect(() => execFileSync("true", [`${longest}${"x".repeat(20 * 1024)}`])).not.toThrow();
  expect(refusePrompt(`${longest}x`)).toMatch(/has 102401 bytes.*file of the repository/);
});
