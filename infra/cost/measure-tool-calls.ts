import { JOURNAL_CALLS_LIMIT } from "../../shared/contract/limits.ts";
import { ClaimAnswer, RegisterAnswer } from "../../shared/contract/session.ts";
import { eachOf } from "./each-of.ts";
import type { Measured } from "./measured.ts";
import type { MeteredCloud } from "./metered-cloud.ts";

const CALLS = 10;
/** A command line as agents write them. */
const COMMAND = "npx vitest run --project operations test/operations/beat-session.test.ts 2>&1 | tail -20";

/** A tool call of a session whose journal is full: told of before it runs and after, as a supervisor does. Nothing else may run meanwhile. */
export async function measureToolCalls(
  cloud: Pick<MeteredCloud, "ask" | "adminKey" | "take">,
): Promise<Measured["toolCall"]> {
  const { ask, adminKey } = cloud;
  const who = { id: "tool-calls", host: "tool-calls", boot: "boot1", agent: "cost" };
  await ask("POST", "/v1/tasks", adminKey, { type: "work", data: null });
  const { token } = RegisterAnswer.parse(await ask("POST", "/v1/sessions", adminKey, who));
  const [held] = ClaimAnswer.parse(await ask("POST", `/v1/sessions/${who.id}/claim`, token, {})).tasks;
  if (!held) throw new Error("A session was given no task: nothing can be told of its tool calls.");
  const tell = (hook: object) => ask("POST", "/v1/hooks/claude-code?observe=1", token, hook);
  const call = async (n: number) => {
    const id = { tool_use_id: `toolu_${String(n).padStart(24, "0")}` };
    const begun = { tool_name: "Bash", tool_input: { command: COMMAND } };
    await tell({ hook_event_name: "PreToolUse", ...id, ...begun });
    await tell({ hook_event_name: "PostToolUse", ...id });
  };
  for (let n = 0; n < JOURNAL_CALLS_LIMIT; n++) await call(n);
  await cloud.take();
  for (let n = 0; n < CALLS; n++) await call(JOURNAL_CALLS_LIMIT + n);
  return eachOf(await cloud.take(), CALLS);
}
