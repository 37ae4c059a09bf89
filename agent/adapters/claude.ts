import { readFileSync } from "node:fs";
import * as z from "zod/mini";
import type { AgentAdapter, HookEndpoint, Launch, StartRequest } from "./adapter.ts";
import type { AgentEvent } from "./agent-event.ts";
import { answerNativeHook, readNativeHook } from "./native-hook.ts";
import { summarise } from "./summarise.ts";
import { readLastLines } from "./transcript.ts";
import { commandLine } from "../hooks/command-line.ts";
import { parseJson } from "../parse-json.ts";

/** Hooks that Claude Code posts by itself. */
const HTTP_EVENTS = [
  "UserPromptSubmit",
  "PostToolUse",
  "PostToolUseFailure",
  "PermissionRequest",
  "Notification",
  "PreCompact",
  "PostCompact",
  "Stop",
  "SessionEnd",
];
/**
 * Hooks that must be a process: it starts no session by HTTP, and passes over a hook that nobody answers, which before a tool call
 * must mean no.
 */
const COMMAND_EVENTS = ["SessionStart", "PreToolUse"];
/** Seconds. An end is held until it is known whether there is more to do. */
const HOOK_TIMEOUT_S = 600;
/** Options by which its user says which session it is to be. */
const NAMES_SESSION = /^(?:-r|-c|--resume|--continue|--session-id|--from-pr|--no-session-persistence)(?:=|$)/;
const SETTINGS_IS = "--settings=";
/**
 * Whoever feeds it tasks decides when it ends, and watches for how long it waits. By itself it ends with an empty last word when a hook kept
 * it from ending 8 times without a tool call in between, and fails when its model was too busy for 3 minutes: 15 retries, the most that
 * it takes, are 6.
 */
const UNATTENDED = { CLAUDE_CODE_STOP_HOOK_BLOCK_CAP: "1000", CLAUDE_CODE_MAX_RETRIES: "15" };
/** Ends the name of a model whose window has a million tokens. Of others it tells the window in its last word only. */
const LARGE_WINDOW = "[1m]";
/** What it says itself in the place of its model, as that its model did not answer. */
const NO_MODEL = "<synthetic>";

const Usage = z.object({
  input_tokens: z.optional(z.number()),
  output_tokens: z.optional(z.number()),
  cache_read_input_tokens: z.optional(z.nullable(z.number())),
  cache_creation_input_tokens: z.optional(z.nullable(z.number())),
});
const Part = z.looseObject({
  type: z.string(),
  text: z.optional(z.string()),
  id: z.optional(z.string()),
  name: z.optional(z.string()),
  input: z.optional(z.unknown()),
  tool_use_id: z.optional(z.string()),
  is_error: z.optional(z.nullable(z.boolean())),
});
const Message = z.looseObject({
  id: z.optional(z.string()),
  model: z.optional(z.string()),
  content: z.optional(z.union([z.string(), z.array(Part)])),
  usage: z.optional(Usage),
});
const Line = z.looseObject({
  type: z.string(),
  subtype: z.optional(z.string()),
  session_id: z.optional(z.string()),
  model: z.optional(z.string()),
  message: z.optional(Message),
  parent_tool_use_id: z.optional(z.nullable(z.string())),
  isSidechain: z.optional(z.boolean()),
  status: z.optional(z.nullable(z.string())),
  error_status: z.optional(z.nullable(z.number())),
  retry_delay_ms: z.optional(z.number()),
  is_error: z.optional(z.boolean()),
  result: z.optional(z.string()),
  errors: z.optional(z.array(z.string())),
  total_cost_usd: z.optional(z.number()),
  modelUsage: z.optional(z.record(z.string(), z.looseObject({ contextWindow: z.optional(z.number()) }))),
});
type Line = z.infer<typeof Line>;

export const claude: AgentAdapter = {
  name: "claude-code",
  start: (request) => launch(request, ["--session-id", request.sessionId]),
  resume: (request) => launch(request, ["--resume", request.own.sessionId]),
  wrap: ([name, ...args], hooks, own = null) => {
    const goesOn = own !== null && !args.some((arg) => NAMES_SESSION.test(arg));
    const session = goesOn ? ["--resume", own.sessionId] : [];
    return { command: [name, ...withSettings([...session, ...args], hooks)], env: {} };
  },
  parseLine: (line) => eventsOf(parseJson(line)),
  parseHook: readNativeHook,
  answerHook: answerNativeHook,
  async isIntact({ sessionId, transcriptPath }) {
    const lines = transcriptPath === null ? null : await readLastLines(transcriptPath);
    const Own = z.looseObject({ sessionId: z.literal(sessionId) });
    return lines?.some((line) => Own.safeParse(line).success) ?? false;
  },
  async readTranscript({ transcriptPath }) {
    const lines = transcriptPath === null ? null : await readLastLines(transcriptPath);
    return (lines ?? []).flatMap(eventsOf).filter(({ type }) => type === "usage");
  },
};

function launch(
  { prompt, program: [name, ...args], hooks }: StartRequest,
  session: readonly string[],
): Launch {
  const flags = ["--output-format", "stream-json", "--verbose", ...session];
  // Behind `--`: a prompt may begin with a dash, and an option of the user's may take any number of words.
  return {
    command: [name, "-p", ...withSettings(args, hooks), ...flags, "--", prompt],
    env: UNATTENDED,
  };
}

/** The user's arguments, with our hooks among the settings that they name: it takes no settings twice. */
function withSettings(args: readonly string[], hooks: HookEndpoint): string[] {
  const end = args.indexOf("--");
  const [options, words] = end === -1 ? [args, []] : [args.slice(0, end), args.slice(end)];
  const at = options.findIndex((option) => option === "--settings" || option.startsWith(SETTINGS_IS));
  const isOneWord = options[at]?.startsWith(SETTINGS_IS) ?? false;
  const given = isOneWord ? options[at]?.slice(SETTINGS_IS.length) : options[at + 1];
  const own = at === -1 ? {} : readSettings(given ?? "{}");
  const others = at === -1 ? options : [...options.slice(0, at), ...options.slice(at + (isOneWord ? 1 : 2))];
  return [...others, "--settings", JSON.stringify(addHooks(own, hooks)), ...words];
}

const Settings = z.looseObject({ hooks: z.optional(z.record(z.string(), z.array(z.unknown()))) });

/** As Claude Code takes them: JSON itself, or a file of it. */
function readSettings(given: string): z.infer<typeof Settings> {
  return Settings.parse(
    JSON.parse(given.trimStart().startsWith("{") ? given : readFileSync(given, "utf8")) as unknown,
  );
}

function addHooks(settings: z.infer<typeof Settings>, { url, command }: HookEndpoint) {
  const http = {
    type: "http",
    url,
    headers: { Authorization: "Bearer $SHIM_HOOK_TOKEN" },
    allowedEnvVars: ["SHIM_HOOK_TOKEN"],
    timeout: HOOK_TIMEOUT_S,
  };
  const process = { type: "command", command: commandLine(command), timeout: HOOK_TIMEOUT_S };
  const hooks: Record<string, unknown[]> = { ...settings.hooks };
  for (const event of HTTP_EVENTS) hooks[event] = [...(hooks[event] ?? []), { hooks: [http] }];
  for (const event of COMMAND_EVENTS) hooks[event] = [...(hooks[event] ?? []), { hooks: [process] }];
  // Else a file in the repository could switch off what keeps a replaced agent from doing harm, and the agent may write there.
  return { ...settings, hooks, disableAllHooks: false };
}

function eventsOf(value: unknown): AgentEvent[] {
  const { data: line } = Line.safeParse(value);
  if (!line) return [];
  switch (line.type) {
    case "system":
      return systemEvents(line);
    case "assistant":
    case "user":
      return messageEvents(line);
    case "result":
      return resultEvents(line);
    default:
      return [];
  }
}

function systemEvents(line: Line): AgentEvent[] {
  const {
    subtype,
    session_id: sessionId,
    model,
    error_status: status = null,
    retry_delay_ms: delayMs = 0,
  } = line;
  if (subtype === "init" && sessionId !== undefined)
    return [
      { type: "session", sessionId, ...(model === undefined ? {} : { model }) },
      ...(model?.endsWith(LARGE_WINDOW) ? [{ type: "window", contextWindow: 1_000_000 } as const] : []),
    ];
  if (subtype === "api_retry") return [{ type: "retry", status, delayMs }];
  if (subtype === "status" && line.status === "compacting") return [{ type: "compacting" }];
  if (subtype === "compact_boundary") return [{ type: "compacted" }];
  return [];
}

function messageEvents({ type, message, parent_tool_use_id: parent, isSidechain }: Line): AgentEvent[] {
  const content = message?.content;
  const parts = typeof content === "string" ? [] : (content ?? []);
  const events = parts.flatMap((part): AgentEvent[] => partEvents(part, type));
  // What a subagent used fills its own window, not this one.
  const own = (parent ?? null) === null && isSidechain !== true && message?.model !== NO_MODEL;
  const { usage, id } = message ?? {};
  return usage && own ? [...events, usageEvent(usage, id)] : events;
}

function partEvents(part: z.infer<typeof Part>, from: string): AgentEvent[] {
  const { id, name, input, tool_use_id: toolUseId } = part;
  if (part.type === "text" && from === "assistant" && part.text)
    return [{ type: "message", role: "assistant", text: part.text }];
  if (part.type === "tool_use" && id !== undefined && name !== undefined)
    return [{ type: "tool_started", id, name, summary: summarise(input), input }];
  if (part.type === "tool_result" && toolUseId !== undefined)
    return [{ type: "tool_ended", id: toolUseId, ok: part.is_error !== true }];
  return [];
}

function usageEvent(usage: z.infer<typeof Usage>, messageId: string | undefined): AgentEvent {
  const { input_tokens: fresh = 0, output_tokens: outputTokens = 0 } = usage;
  const inputTokens = fresh + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
  const contextTokens = inputTokens + outputTokens;
  return {
    type: "usage",
    ...(messageId === undefined ? {} : { messageId }),
    ...{ inputTokens, outputTokens, contextTokens },
  };
}

function resultEvents(line: Line): AgentEvent[] {
  const windows = Object.values(line.modelUsage ?? {}).flatMap(({ contextWindow }) => contextWindow ?? []);
  return [
    ...(windows.length > 0 ? [{ type: "window", contextWindow: Math.max(...windows) } as const] : []),
    ...(line.total_cost_usd === undefined ? [] : [{ type: "cost", totalUsd: line.total_cost_usd } as const]),
    { type: "result", ok: line.is_error !== true, text: line.result ?? line.errors?.join("\n") ?? "" },
  ];
}
