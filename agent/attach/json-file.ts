import { UsageError } from "../problem.ts";

export type JsonObject = { readonly [key: string]: unknown };

/** A configuration file's object; `{}` if there is no file. Throws UsageError, with what to do, if it is something else. */
export function readJsonObject(file: string, text: string | null): JsonObject {
  if (text === null || text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${file} is not JSON (${why}). Mend it, and try again.`);
  }
  if (isObject(value)) return value;
  throw new UsageError(`${file} does not hold a JSON object. Mend it, and try again.`);
}

/** Indented as `like` is, if that can be seen. */
export function writeJsonObject(value: JsonObject, like: string | null): string {
  const [, indent = "  "] = /^\{\r?\n([ \t]+)/.exec(like ?? "") ?? [];
  return `${JSON.stringify(value, null, indent)}\n`;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A part of an object that is an object, or an empty one. */
export function part(value: JsonObject, name: string): JsonObject {
  const found = value[name];
  return isObject(found) ? found : {};
}
