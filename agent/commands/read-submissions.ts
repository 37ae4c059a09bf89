import { UsageError } from "../problem.ts";

/** Tasks as a file holds them: one JSON object, an array of them, or one object a line. */
export function readSubmissions(text: string, source: string): object[] {
  const whole = parse(text);
  const values = whole.ok
    ? Array.isArray(whole.value)
      ? (whole.value as unknown[])
      : [whole.value]
    : readLines(text, source, whole.reason);
  return values.map((value, index) => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
    throw new UsageError(
      `Entry ${index + 1} of ${source} is not a task: it must be a JSON object with at least "type" and "data".`,
    );
  });
}

function readLines(text: string, source: string, reason: string): unknown[] {
  const lines = text
    .split("\n")
    .map((line, index) => ({ text: line.trim(), number: index + 1 }))
    .filter((line) => line.text !== "");
  if (lines.length < 2)
    throw new UsageError(
      `${source} is not JSON (${reason}). Give a task, an array of tasks, or one task a line.`,
    );
  return lines.map((line) => {
    const parsed = parse(line.text);
    if (parsed.ok) return parsed.value;
    throw new UsageError(
      `${source} is neither JSON nor JSON lines: line ${line.number}: ${parsed.reason}. Nothing was submitted.`,
    );
  });
}

function parse(
  text: string,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
