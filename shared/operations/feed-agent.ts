import { isRefusal } from "../contract/errors.ts";
import type { HookAnswer, HookPayload } from "../contract/hook.ts";
import { GO_ON, goOnWith, nextTaskPrompt, unfinishedReason } from "../domain/hook-answers.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";
import { runningTasks } from "./beat-session.ts";
import { claimTasks } from "./claim-tasks.ts";
import { countingSession } from "./guard-tool-call.ts";

/**
 * Asked when an agent is about to stop: reminds it once of what it still holds; else gives it the next task, if one is ready, which
 * the same process then goes on with.
 */
export async function feedAgent(
  ports: Ports,
  claims: SessionClaims,
  { stop_hook_active: reminded = false }: HookPayload,
): Promise<HookAnswer> {
  const session = await countingSession(ports, claims);
  if (!session) return GO_ON;
  const running = await runningTasks(ports, session);
  if (running.length > 0) return reminded ? GO_ON : goOnWith(unfinishedReason(running));
  const claimed = await claimTasks(ports, claims, 1);
  const next = isRefusal(claimed) ? undefined : claimed.tasks[0];
  return next ? goOnWith(nextTaskPrompt(next)) : GO_ON;
}
