import { UsageError } from "../problem.ts";
import { isObject, type JsonObject, part, readJsonObject, writeJsonObject } from "./json-file.ts";
import { commandLine } from "../hooks/command-line.ts";

/** A configuration file of an agent, and how our part of it is put in and taken out. */
export type ConfigFile = {
  /** Below the project. */
  readonly file: string;
  /** The file's text with our part, exactly once, however often it is applied. */
  readonly add: (text: string | null) => string;
  /** Without our part; null if nothing is left of it. */
  readonly remove: (text: string) => string | null;
};

/** How the command line is called: `shim`, or a program and its file where it is not installed. */
export type ShimCommand = readonly [string, ...string[]];

/** By this our hooks are known among others. */
const HOOK_MARK = / hook (claude-code|codex)$/;
const MCP_NAME = "shim";
/** Seconds. The end of a turn may be held until there is other work. */
const HOOK_TIMEOUT_S = 60;

const CLAUDE_EVENTS = [
  "SessionStart",
  "UserPromptSubmit",
  "PreToolUse",
  "PostToolUse",
  "PostToolUseFailure",
  "Notification",
  "PreCompact",
  "Stop",
  "SessionEnd",
];
const CODEX_EVENTS = ["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "PreCompact", "Stop"];

export function claudeFiles(shim: ShimCommand): ConfigFile[] {
  return [hooksFile(".claude/settings.json", CLAUDE_EVENTS, hookOf(shim, "claude-code")), mcpFile(shim)];
}

export function codexFiles(shim: ShimCommand): ConfigFile[] {
  return [hooksFile(".codex/hooks.json", CODEX_EVENTS, hookOf(shim, "codex")), codexMcpFile(shim)];
}

const hookOf = (shim: ShimCommand, client: string) => commandLine([...shim, "hook", client]);

/** `{"hooks": {EVENT: [{"hooks": [{"type": "command", ...}]}]}}`, as Claude Code and Codex both read it. */
function hooksFile(file: string, events: readonly string[], command: string): ConfigFile {
  const ours = { hooks: [{ type: "command", command, timeout: HOOK_TIMEOUT_S }] };
  const without = (settings: JsonObject): JsonObject => {
    const kept = Object.entries(part(settings, "hooks")).flatMap(([event, groups]) => {
      if (!Array.isArray(groups)) return [[event, groups] as const];
      const others = groups.filter((group) => !isOurs(group));
      return others.length > 0 ? [[event, others] as const] : [];
    });
    const { hooks: _hooks, ...rest } = settings;
    return kept.length > 0 ? { ...rest, hooks: Object.fromEntries(kept) } : rest;
  };
  return {
    file,
    add(text) {
      const settings = readJsonObject(file, text);
      const hooks = part(without(settings), "hooks");
      const added = events.map((event) => {
        const others = hooks[event];
        return [event, [...(Array.isArray(others) ? (others as unknown[]) : []), ours]] as const;
      });
      return writeJsonObject({ ...settings, hooks: { ...hooks, ...Object.fromEntries(added) } }, text);
    },
    remove: (text) => {
      const settings = readJsonObject(file, text);
      return rewritten(settings, without(settings), text);
    },
  };
}

function isOurs(group: unknown): boolean {
  if (!isObject(group) || !Array.isArray(group["hooks"])) return false;
  return (group["hooks"] as unknown[]).some(
    (hook) => isObject(hook) && typeof hook["command"] === "string" && HOOK_MARK.test(hook["command"]),
  );
}

function mcpFile(shim: ShimCommand): ConfigFile {
  const file = ".mcp.json";
  const [command, ...args] = [...shim, "mcp"];
  return {
    file,
    add(text) {
      const config = readJsonObject(file, text);
      const servers = { ...part(config, "mcpServers"), [MCP_NAME]: { type: "stdio", command, args } };
      return writeJsonObject({ ...config, mcpServers: servers }, text);
    },
    remove: (text) => {
      const config = readJsonObject(file, text);
      const { mcpServers: _servers, ...rest } = config;
      const { [MCP_NAME]: ours, ...others } = part(config, "mcpServers");
      if (ours === undefined) return text;
      return rewritten(config, Object.keys(others).length > 0 ? { ...rest, mcpServers: others } : rest, text);
    },
  };
}

/** Codex reads TOML, which is not parsed here: our table stands between two lines of its own at the file's end. */
function codexMcpFile(shim: ShimCommand): ConfigFile {
  const file = ".codex/config.toml";
  const [begin, end] = ["# shim init: begin", "# shim init: end"];
  const [command, ...args] = [...shim, "mcp"].map((word) => JSON.stringify(word));
  const block = [
    begin,
    `[mcp_servers.${MCP_NAME}]`,
    `command = ${command ?? ""}`,
    `args = [${args.join(", ")}]`,
    end,
    "",
  ].join("\n");
  const without = (text: string) => text.replace(new RegExp(`\\n?${begin}\\n[\\s\\S]*?\\n${end}\\n`), "");
  return {
    file,
    add(text) {
      const others = without(text ?? "");
      if (others.includes(`[mcp_servers.${MCP_NAME}]`))
        throw new UsageError(`${file} has a server called "${MCP_NAME}" already. Rename it, and try again.`);
      return others === "" ? block : `${others}${others.endsWith("\n") ? "" : "\n"}\n${block}`;
    },
    remove: (text) => (without(text).trim() === "" ? null : without(text)),
  };
}

/** The text of what is left: as it was if nothing was taken out, null if nothing is left. */
function rewritten(before: JsonObject, after: JsonObject, text: string): string | null {
  if (JSON.stringify(after) === JSON.stringify(before)) return text;
  return Object.keys(after).length === 0 ? null : writeJsonObject(after, text);
}
