import { redact } from "../../shared/redaction/redact.ts";

/** Characters of a tool call's summary: a line for people, and for the brief of a successor. */
export const SUMMARY_LIMIT = 200;
/** Characters that are looked at: of a secret that is cut here nothing is left in the summary. */
const READ_LIMIT = 4_000;

/** Fields that say most of what a tool is to do, the first that is there. */
const TELLING = ["command", "cmd", "file_path", "path", "pattern", "url", "query", "description", "prompt"];

/** What a tool call is to do, on one line without secrets: its command, its file, or else all of its input as JSON. */
export function summarise(input: unknown): string {
  const text = typeof input === "string" ? input : (telling(input) ?? toJson(input));
  // Before it is cut: half a secret is known by nothing.
  const line = redact(text.slice(0, READ_LIMIT)).replace(/\s+/g, " ").trim();
  return line.length <= SUMMARY_LIMIT ? line : `${line.slice(0, SUMMARY_LIMIT - 1)}…`;
}

function telling(input: unknown): string | undefined {
  if (typeof input !== "object" || input === null) return undefined;
  for (const name of TELLING) {
    const value = (input as Readonly<Record<string, unknown>>)[name];
    if (typeof value === "string" && value !== "") return value;
    // Codex' older shell tool: the words of a command.
    if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value.join(" ");
  }
  return undefined;
}

/** Nothing of what has no JSON. */
const toJson = (value: unknown) => (JSON.stringify(value) as string | undefined) ?? "";
