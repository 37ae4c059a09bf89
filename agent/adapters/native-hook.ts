import * as z from "zod/mini";
import type { HookDecision, HookEvent } from "./adapter.ts";
import type { AgentEvent } from "./agent-event.ts";
import { summarise } from "./summarise.ts";

/**
 * The hooks of Claude Code, which Codex took over: the same names, the same fields. Read tolerantly: versions add fields, and an
 * unknown one must not hold an agent up.
 */
const Payload = z.looseObject({
  hook_event_name: z.string(),
  session_id: z.optional(z.string()),
  transcript_path: z.optional(z.nullable(z.string())),
  cwd: z.optional(z.string()),
  model: z.optional(z.string()),
  source: z.optional(z.string()),
  prompt: z.optional(z.string()),
  tool_name: z.optional(z.string()),
  tool_input: z.optional(z.unknown()),
  tool_response: z.optional(z.unknown()),
  tool_use_id: z.optional(z.string()),
  duration_ms: z.optional(z.number()),
  last_assistant_message: z.optional(z.nullable(z.string())),
  message: z.optional(z.string()),
  notification_type: z.optional(z.string()),
  reason: z.optional(z.string()),
});
type Payload = z.infer<typeof Payload>;

/** A hook as both agents send it; null if it is none. */
export function readNativeHook(payload: unknown): HookEvent | null {
  const { data } = Payload.safeParse(payload);
  if (!data) return null;
  return {
    name: data.hook_event_name,
    sessionId: data.session_id ?? null,
    transcriptPath: data.transcript_path ?? null,
    cwd: data.cwd ?? null,
    events: eventsOf(data),
  };
}

function eventsOf(payload: Payload): AgentEvent[] {
  switch (payload.hook_event_name) {
    case "SessionStart":
      return sessionOf(payload);
    case "UserPromptSubmit":
      // Whoever resumes or compacts names the session anew; a prompt always tells.
      return [
        ...sessionOf({ ...payload, source: undefined }),
        ...(payload.prompt === undefined ? [] : [{ type: "prompt", text: payload.prompt } as const]),
      ];
    case "PreToolUse":
      return toolStarted(payload);
    case "PostToolUse":
      return toolEnded(payload, true);
    case "PostToolUseFailure":
      return toolEnded(payload, false);
    case "PermissionRequest":
      return [{ type: "awaiting_human", why: `may it use ${payload.tool_name ?? "a tool"}?` }];
    case "Notification":
      return payload.notification_type === "idle_prompt" || payload.notification_type === "permission_prompt"
        ? [{ type: "awaiting_human", why: payload.message ?? "it waits for a person" }]
        : [];
    case "PreCompact":
      return [{ type: "compacting" }];
    case "PostCompact":
      return [{ type: "compacted" }];
    case "Stop":
      return [{ type: "turn_ended", text: payload.last_assistant_message ?? "" }];
    case "SessionEnd":
      return [{ type: "ended", reason: payload.reason ?? "it ended" }];
    default:
      return [];
  }
}

function sessionOf(payload: Payload): AgentEvent[] {
  const { session_id: sessionId, transcript_path: transcriptPath, model, source } = payload;
  if (sessionId === undefined) return [];
  return [
    {
      type: "session",
      sessionId,
      ...(transcriptPath ? { transcriptPath } : {}),
      ...(model === undefined ? {} : { model }),
      ...(source === undefined ? {} : { source }),
    },
  ];
}

function toolStarted({ tool_use_id: id, tool_name: name, tool_input: input }: Payload): AgentEvent[] {
  if (id === undefined || name === undefined) return [];
  return [{ type: "tool_started", id, name, summary: summarise(input), input }];
}

function toolEnded({ tool_use_id: id, duration_ms: durationMs }: Payload, ok: boolean): AgentEvent[] {
  if (id === undefined) return [];
  return [{ type: "tool_ended", id, ok, ...(durationMs === undefined ? {} : { durationMs }) }];
}

/** A decision in the words that both agents understand. */
export function answerNativeHook(
  { name }: HookEvent,
  decision: HookDecision,
): Readonly<Record<string, unknown>> {
  switch (decision.kind) {
    case "pass":
      return {};
    case "deny":
      return {
        hookSpecificOutput: {
          hookEventName: name,
          permissionDecision: "deny",
          permissionDecisionReason: decision.reason,
        },
      };
    case "continue":
      return { decision: "block", reason: decision.prompt };
    case "context":
      return { hookSpecificOutput: { hookEventName: name, additionalContext: decision.text } };
  }
}
