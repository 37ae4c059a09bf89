import { isSecretProperty, redactAssignments } from "./assignments.ts";
import { redactPrivateKeys } from "./private-keys.ts";
import { isPlaceholder } from "./secret-values.ts";
import { SHAPES } from "./token-shapes.ts";

/** Deeper than a request's body may be: nothing that is sent has it. */
const DEPTH_LIMIT = 60;
/** `--token`, and then the next argument is one. */
const SECRET_FLAG =
  /^--?[a-z-]{0,20}(?:password|passwd|passphrase|secret|token|key|credential)[a-z-]{0,10}$/i;

/**
 * The text without its secrets: each reads `[redacted:kind]`. For everything that leaves this machine. The same text gives
 * the same result, and a result is its own result. What it cannot know is a secret without a shape of its own and
 * without a name before it.
 */
export function redact(text: string): string {
  // The shortest secret that is told, with its name, is longer.
  if (text.length < 8) return text;
  let result = redactPrivateKeys(text);
  const lower = result.toLowerCase();
  for (const { hints, kind, pattern, accepts } of SHAPES) {
    if (!hints.some((hint) => lower.includes(hint))) continue;
    result = result.replace(pattern, (found: string) =>
      (accepts ? accepts(found) : !isPlaceholder(found)) ? `[redacted:${kind}]` : found,
    );
  }
  return redactAssignments(result);
}

/** `redact` for every text anywhere in a value that becomes JSON: also keys, and values by the name of their key. */
export function redactDeep<T>(value: T): T {
  return redactValue(value, 0) as T;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return redact(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > DEPTH_LIMIT) return "[redacted:too-deep]";
  if ("toJSON" in value && typeof value.toJSON === "function")
    return redactValue((value as { toJSON(): unknown }).toJSON(), depth + 1);
  if (Array.isArray(value)) return value.map((entry, index) => redactEntry(value[index - 1], entry, depth));
  return redactObject(value, depth);
}

function redactEntry(before: unknown, entry: unknown, depth: number): unknown {
  if (typeof entry === "string" && typeof before === "string" && SECRET_FLAG.test(before))
    return isSecretProperty("secret", entry) ? "[redacted:secret]" : redact(entry);
  return redactValue(entry, depth + 1);
}

function redactObject(value: object, depth: number): Record<string, unknown> {
  const entries = new Map<string, unknown>();
  const named = nameBeside(value);
  for (const [key, entry] of Object.entries(value)) {
    const redacted = redactValue(entry, depth + 1);
    const name = key === "value" && named !== null ? named : key;
    const byName = typeof entry === "string" && redacted === entry && isSecretProperty(name, entry);
    entries.set(freeKey(entries, redact(key)), byName ? "[redacted:secret]" : redacted);
  }
  return Object.fromEntries(entries);
}

/** `{"name": "DB_PASSWORD", "value": "..."}` */
function nameBeside(value: object): string | null {
  if (!("value" in value)) return null;
  const name = "name" in value ? value.name : "key" in value ? value.key : null;
  return typeof name === "string" ? name : null;
}

/** Two keys that were told apart by their secrets alone are still two. */
function freeKey(entries: ReadonlyMap<string, unknown>, key: string): string {
  let free = key;
  for (let number = 2; entries.has(free); number += 1) free = `${key}#${number}`;
  return free;
}
