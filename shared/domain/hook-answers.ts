import { promptOf } from "../contract/task-prompt.ts";
import type { HookAnswer, HookPayload } from "../contract/hook.ts";
import type { TaskRecord } from "../contract/records.ts";
import type { HeldTask } from "../contract/session.ts";

/** Lets the agent go on. */
export const GO_ON: HookAnswer = {};

/** Refuses a tool call; the agent's model is told why. */
export function denyCall(reason: string): HookAnswer {
  return {
    hookSpecificOutput: {
      hookEventName: "PreToolUse",
      permissionDecision: "deny",
      permissionDecisionReason: reason,
    },
  };
}

/** Has an agent that was about to stop go on with this. */
export function goOnWith(reason: string): HookAnswer {
  return { decision: "block", reason };
}

/** Tells an agent that starts, or goes on after a compaction. */
export function tellAtStart(text: string): HookAnswer {
  return { hookSpecificOutput: { hookEventName: "SessionStart", additionalContext: text } };
}

/** Why a session whose start counts no more may use no tool. */
export function supersededReason(session: string): string {
  return (
    `SHIM: session ${session} was replaced or given up, so this process may do nothing more. What it worked on belongs to another ` +
    "session now. Stop: run no more tools, publish nothing, push nothing, and end your turn. Trying again will not help."
  );
}

/** Why a session that lost the task it works on may use no tool for it. */
export function takenReason(task: string, cancelled: boolean): string {
  const what = cancelled
    ? `task ${task} was cancelled`
    : `task ${task} was taken from this session, and another may be working on it`;
  return (
    `SHIM: ${what}. Stop working on it: undo nothing, publish nothing of it, and end your turn, or call the tool claim_task for ` +
    "other work. Trying again will not help."
  );
}

/** What a session is told that would stop though it holds tasks. */
export function unfinishedReason(tasks: readonly { readonly id: string; readonly fence: number }[]): string {
  const named = tasks.map(({ id, fence }) => `${id} (fence ${fence})`).join(", ");
  return (
    `SHIM: you still hold ${named}. If the work is done, call complete_task with its taskId, fence and result; if it cannot be ` +
    "done, call fail_task with what stopped you. Otherwise go on with it. Then you may stop."
  );
}

/** A task as the next thing that an agent is to do. */
export function nextTaskPrompt({ task, fence, resume }: HeldTask): string {
  return [
    promptOf(task),
    ...(resume ? ["", resume.text] : []),
    "",
    `(SHIM: this is task ${task.id}, fence ${fence}. When it is done, call complete_task with both and the result; if it cannot be ` +
      "done, fail_task.)",
  ].join("\n");
}

/**
 * Whether a task was surely taken from this tenure: ended by others or given to others, and not because its holder settled it.
 * Who settled it last is all that a task keeps, so once somebody else has, nothing is sure any more.
 */
export function wasTaken(
  task: TaskRecord,
  tenure: { readonly session: string; readonly epoch: number; readonly fence: number },
): boolean {
  if (task.fence <= tenure.fence) return false;
  const { settledBy } = task;
  if (settledBy === null || settledBy.fence < tenure.fence) return true;
  if (task.state !== "cancelled" || !task.lastHolder) return false;
  const { session, epoch, fence } = task.lastHolder;
  return session === tenure.session && epoch === tenure.epoch && fence === tenure.fence;
}

/**
 * How a tool call ended, as far as its hook tells. A hook after the call means that it ended well, unless the answer of the tool
 * says otherwise: Codex has no hook of failure.
 */
export function outcomeOf({ hook_event_name, tool_response }: HookPayload): "ok" | "failed" {
  if (hook_event_name === "PostToolUseFailure") return "failed";
  const told = typeof tool_response === "object" && tool_response !== null ? tool_response : {};
  const metadata = "metadata" in told && typeof told.metadata === "object" ? (told.metadata ?? {}) : {};
  const says = { ...metadata, ...told } as Readonly<Record<string, unknown>>;
  const code = says["exit_code"] ?? says["exitCode"];
  const failed =
    says["is_error"] === true || says["isError"] === true || (typeof code === "number" && code !== 0);
  return failed ? "failed" : "ok";
}
