import { isRefusal } from "../contract/errors.ts";
import type { HookAnswer, HookPayload } from "../contract/hook.ts";
import { GO_ON, tellAtStart } from "../domain/hook-answers.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";
import { feedAgent } from "./feed-agent.ts";
import { countingSession, guardToolCall, onlyTask } from "./guard-tool-call.ts";
import { checkpointBeforeCompaction, tellAfterCompaction } from "./keep-compaction.ts";
import { ownBrief } from "./own-brief.ts";
import { noteToolCall, noteToolOutcome } from "./note-tool-call.ts";
import { runningTasks } from "./beat-session.ts";

/** Answers a hook of an agent, in the agent's own words. What it does not know, it lets pass. */
export async function recordHook(
  ports: Ports,
  claims: SessionClaims,
  payload: HookPayload,
): Promise<HookAnswer> {
  switch (payload.hook_event_name) {
    case "PreToolUse":
      return guardToolCall(ports, claims, payload);
    case "PostToolUse":
    case "PostToolUseFailure":
      await noteToolOutcome(ports, claims, payload);
      return GO_ON;
    case "Stop":
      return feedAgent(ports, claims, payload);
    case "PreCompact":
      await checkpointBeforeCompaction(ports, claims);
      return GO_ON;
    case "SessionStart": {
      const text = await toldAtStart(ports, claims, payload);
      return text === null ? GO_ON : tellAtStart(text);
    }
    default:
      return GO_ON;
  }
}

/** What an agent that starts must know; null if there is nothing, or it was cleared on purpose. */
async function toldAtStart(
  ports: Ports,
  claims: SessionClaims,
  { source }: HookPayload,
): Promise<string | null> {
  if (source === "compact") return tellAfterCompaction(ports, claims);
  if (source !== "startup" && source !== "resume") return null;
  const own = await ownBrief(ports, claims, null);
  return isRefusal(own) ? null : (own.resume?.text ?? null);
}

/**
 * Only writes the journal, for a supervisor that has answered the hook itself. A start that counts no more says nothing new: its
 * successor's calls are not to be pushed out by it.
 */
export async function observeHook(
  ports: Ports,
  claims: SessionClaims,
  payload: HookPayload,
): Promise<HookAnswer> {
  const { hook_event_name: name } = payload;
  if (name === "PostToolUse" || name === "PostToolUseFailure") await noteToolOutcome(ports, claims, payload);
  if (name !== "PreToolUse") return GO_ON;
  const session = await countingSession(ports, claims);
  if (session) await noteToolCall(ports, claims, payload, onlyTask(await runningTasks(ports, session)));
  return GO_ON;
}
