/** Characters of a tool call's summary: a line for people, and for the brief of a successor. */
export const SUMMARY_LIMIT = 200;

/** Fields that say most of what a tool is to do, the first that is there. */
const TELLING = ["command", "cmd", "file_path", "path", "pattern", "url", "query", "description", "prompt"];

/** What a tool call is to do, on one line: its command, its file, or else all of its input as JSON. */
export function summarise(input: unknown, limit = SUMMARY_LIMIT): string {
  const line = (typeof input === "string" ? input : (telling(input) ?? toJson(input))).replace(/\s+/g, " ");
  return shortened(line.trim(), limit);
}

/** A line of at most so many characters. */
export function shortened(line: string, limit = SUMMARY_LIMIT): string {
  return line.length <= limit ? line : `${line.slice(0, limit - 1)}…`;
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

/** Nothing of what has no JSON, or is nested too deeply to be written. */
function toJson(value: unknown): string {
  try {
    const json = JSON.stringify(value) as string | undefined;
    return json ?? "";
  } catch {
    return "";
  }
}
