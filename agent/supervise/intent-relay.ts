import type { AgentEvent } from "../adapters/agent-event.ts";
import { messageOf } from "../problem.ts";

export type ToolEvent = Extract<AgentEvent, { type: "tool_started" | "tool_ended" }>;

/**
 * Tells the control plane of tool calls in the background, in order, so that a successor on another machine knows what may have
 * run. Agents never wait for it.
 */
export type IntentRelay = {
  tell(event: ToolEvent): void;
  /** Resolves when what was told so far has been sent or given up. */
  settled(): Promise<void>;
};

/** What waits while the control plane does not answer; the oldest are dropped, which checkpoints then make good. */
const WAITING_LIMIT = 100;

/** @param send posts a payload in the words of a native hook; `redact` has been applied to all of it */
export function createIntentRelay(
  send: (payload: object) => Promise<void>,
  redact: (text: string) => string,
  onDropped: (why: string) => void,
): IntentRelay {
  const waiting: object[] = [];
  let working: Promise<void> | null = null;

  async function work(): Promise<void> {
    for (let payload = waiting.shift(); payload; payload = waiting.shift())
      await send(payload).catch((error: unknown) => {
        onDropped(messageOf(error));
      });
  }

  return {
    tell(event) {
      waiting.push(payloadOf(event, redact));
      if (waiting.length > WAITING_LIMIT) {
        waiting.shift();
        onDropped("too many wait");
      }
      working ??= work().finally(() => {
        working = null;
      });
    },
    settled: async () => {
      await working;
    },
  };
}

/** The same for all agents: a call's id, name and one line, and never its input or its output. */
function payloadOf(event: ToolEvent, redact: (text: string) => string): object {
  if (event.type === "tool_ended")
    return { hook_event_name: event.ok ? "PostToolUse" : "PostToolUseFailure", tool_use_id: event.id };
  return {
    hook_event_name: "PreToolUse",
    tool_use_id: event.id,
    tool_name: event.name,
    tool_input: { command: redact(event.summary) },
  };
}
