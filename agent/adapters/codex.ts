import * as z from "zod/mini";
import type { AgentAdapter, HookEndpoint, Launch, StartRequest } from "./adapter.ts";
import type { AgentEvent } from "./agent-event.ts";
import { answerNativeHook, readNativeHook } from "./native-hook.ts";
import { readLastLines } from "./transcript.ts";
import { commandLine } from "../hooks/command-line.ts";
import { parseJson } from "../parse-json.ts";

const EVENTS = [
  "SessionStart",
  "UserPromptSubmit",
  "PreToolUse",
  "PermissionRequest",
  "PostToolUse",
  "PreCompact",
  "PostCompact",
  "Stop",
];
/** Seconds. An end is held until it is known whether there is more to do. */
const HOOK_TIMEOUT_S = 600;

const SUBCOMMANDS: readonly string[] = ["exec", "e", "resume", "fork", "review", "cloud", "apply"];

const Line = z.looseObject({
  type: z.string(),
  thread_id: z.optional(z.string()),
  message: z.optional(z.string()),
  item: z.optional(z.looseObject({ type: z.optional(z.string()), text: z.optional(z.string()) })),
  error: z.optional(z.looseObject({ message: z.optional(z.string()) })),
});
type Line = z.infer<typeof Line>;

const Tokens = z.looseObject({
  input_tokens: z.number(),
  output_tokens: z.number(),
  total_tokens: z.optional(z.number()),
});
/** A line of its transcript: one after each answer of the model, or more. After a compaction there is one that counts no answer. */
const TokenCount = z.looseObject({
  payload: z.looseObject({
    type: z.literal("token_count"),
    info: z.looseObject({
      total_token_usage: Tokens,
      last_token_usage: Tokens,
      model_context_window: z.optional(z.nullable(z.number())),
    }),
  }),
});

export const codex: AgentAdapter = {
  name: "codex",
  start: (request) => launch(request, []),
  resume: (request) => launch(request, ["resume", request.own.sessionId]),
  wrap: ([name, ...args], hooks, own = null) => {
    // A user who names a subcommand has said what is to be gone on with.
    const goesOn = own !== null && !args.some((arg) => SUBCOMMANDS.includes(arg));
    const session = goesOn ? ["resume", own.sessionId] : [];
    return { command: [name, ...session, ...hookFlags(hooks), ...args], env: {} };
  },
  parseLine: (line) => eventsOf(parseJson(line)),
  parseHook: readNativeHook,
  answerHook: answerNativeHook,
  async isIntact({ sessionId, transcriptPath }) {
    const lines = transcriptPath === null ? null : await readLastLines(transcriptPath);
    return lines !== null && (transcriptPath?.includes(sessionId) ?? false);
  },
  async readTranscript({ sessionId, transcriptPath }) {
    const lines = transcriptPath === null ? null : await readLastLines(transcriptPath);
    return (lines ?? []).flatMap((line) => usageEvents(line, sessionId));
  },
};

/**
 * `codex [user's flags] exec ... PROMPT`: what stands before the subcommand holds for it too, and some flags may stand only there. Of a
 * user who names the subcommand, each flag stays on its side. Ours come last, since of one setting the last counts.
 */
function launch(
  { prompt, program: [name, ...args], hooks }: StartRequest,
  resume: readonly string[],
): Launch {
  const at = args.indexOf("exec");
  const [before, after] = at === -1 ? [args, []] : [args.slice(0, at), args.slice(at + 1)];
  const flags = ["--json", "--skip-git-repo-check", ...hookFlags(hooks)];
  return { command: [name, ...before, "exec", ...after, ...flags, ...resume, "--", prompt], env: {} };
}

/** Its hooks are commands, and it asks a person to trust them, who did so by starting this. */
function hookFlags({ command }: HookEndpoint): string[] {
  const line = JSON.stringify(commandLine(command));
  const hook = `[{hooks=[{type="command",command=${line},timeout=${HOOK_TIMEOUT_S}}]}]`;
  const settings = ["features.hooks=true", ...EVENTS.map((event) => `hooks.${event}=${hook}`)];
  return ["--dangerously-bypass-hook-trust", ...settings.flatMap((setting) => ["-c", setting])];
}

/** What its hooks tell is left to them: a tool call has other ids here. */
function eventsOf(value: unknown): AgentEvent[] {
  const { data: line } = Line.safeParse(value);
  if (!line) return [];
  switch (line.type) {
    case "thread.started":
      return line.thread_id === undefined ? [] : [{ type: "session", sessionId: line.thread_id }];
    case "item.completed":
      return line.item?.type === "agent_message" && line.item.text
        ? [{ type: "message", role: "assistant", text: line.item.text }]
        : [];
    case "turn.completed":
      return [{ type: "result", ok: true, text: "" }];
    case "turn.failed":
      return [{ type: "result", ok: false, text: line.error?.message ?? "the turn failed" }];
    case "error":
      return retryEvents(line);
    default:
      return [];
  }
}

/** `Reconnecting... 2/5`, with the status where there was an answer. */
function retryEvents({ message = "" }: Line): AgentEvent[] {
  if (!/reconnecting|retrying/i.test(message)) return [];
  const [, status] = /\b([45]\d\d)\b/.exec(message) ?? [];
  return [{ type: "retry", status: status === undefined ? null : Number(status), delayMs: 0 }];
}

/** An answer that is counted twice leaves the total as it was: by that it is known. */
function usageEvents(value: unknown, sessionId: string): AgentEvent[] {
  const { data } = TokenCount.safeParse(value);
  if (!data) return [];
  const {
    total_token_usage: total,
    last_token_usage: last,
    model_context_window: contextWindow,
  } = data.payload.info;
  const { input_tokens: inputTokens, output_tokens: outputTokens } = last;
  const contextTokens = last.total_tokens ?? inputTokens + outputTokens;
  const messageId = `${sessionId}:${total.total_tokens ?? total.input_tokens + total.output_tokens}`;
  return [
    { type: "usage", messageId, inputTokens, outputTokens, contextTokens },
    ...(contextWindow ? [{ type: "window", contextWindow } as const] : []),
  ];
}
