import { type Refusal, refuse } from "../../shared/contract/errors.ts";
import { BODY_BYTES_LIMIT, BODY_DEPTH_LIMIT } from "../../shared/contract/limits.ts";

const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);
/** The tokens of JSON that open or close a level, name a key, or may hide such characters. */
const STRUCTURE = /[{}[\],:]|"(?:[^"\\]|\\.)*"/gs;

/** JSON.stringify writes whole pairs as they are and half ones as an escape; an even run of backslashes is text. */
const LONE_SURROGATE_HINT = /\\u[dD]/;
const LONE_SURROGATE = /(?<!\\)(?:\\\\)*\\ud[89a-f]/;

/** A number that may be too large to be one: three digits of exponent, or hundreds of digits. */
const INFINITY_HINT = /\d[eE]\+?0*[1-9]\d{2}|\d{300}/;

/** A parsed body, or why it is refused. */
export type Parsed = { readonly value: unknown } | Refusal;

/**
 * Parses a request's body: UTF-8 JSON within the limits of size and depth, no key twice in one object, no key
 * that could reach a prototype. JSON.parse alone would keep the last of two equal keys silently.
 */
export function parseStrictJson(bytes: Uint8Array): Parsed {
  if (bytes.byteLength > BODY_BYTES_LIMIT) return tooLarge(bytes);
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (error) {
    const why =
      error instanceof RangeError ? "It is nested too deeply." : "It is empty, not UTF-8, or not JSON.";
    return refuse(error instanceof RangeError ? "body.too_deep" : "body.not_json", why);
  }
  return refuseKeys(text) ?? refuseHalves(text, value) ?? refuseInfinity(text, value) ?? { value };
}

/** Parses what an agent sends, of which only a few texts are read: any JSON within the limit of size, halves of pairs and all. */
export function parseAnyJson(bytes: Uint8Array): Parsed {
  if (bytes.byteLength > BODY_BYTES_LIMIT) return tooLarge(bytes);
  try {
    return { value: JSON.parse(new TextDecoder().decode(bytes)) as unknown };
  } catch (error) {
    return error instanceof RangeError
      ? refuse("body.too_deep", "It is nested too deeply.")
      : refuse("body.not_json", "It is empty, or not JSON.");
  }
}

function tooLarge(bytes: Uint8Array): Refusal {
  return refuse("body.too_large", `The body is ${bytes.byteLength} bytes; the limit is ${BODY_BYTES_LIMIT}.`);
}

type Level = { readonly keys: Set<string> | null; expectsKey: boolean };

/** Walks the structure of text that is known to be JSON. */
function refuseKeys(text: string): Refusal | null {
  const levels: Level[] = [];
  for (const [token] of text.matchAll(STRUCTURE)) {
    const level = levels.at(-1);
    if (token === "{" || token === "[") {
      levels.push({ keys: token === "{" ? new Set() : null, expectsKey: token === "{" });
      if (levels.length > BODY_DEPTH_LIMIT)
        return refuse("body.too_deep", `The body is nested deeper than ${BODY_DEPTH_LIMIT} levels.`);
    } else if (token === "}" || token === "]") levels.pop();
    else if (token === "," && level) level.expectsKey = level.keys !== null;
    else if (token === ":" && level) level.expectsKey = false;
    else if (level?.keys && level.expectsKey) {
      const key = JSON.parse(token) as string;
      if (FORBIDDEN_KEYS.has(key)) return refuse("body.forbidden_key", `The key ${key} is never allowed.`);
      if (level.keys.has(key))
        return refuse(
          "body.duplicate_key",
          `The key ${JSON.stringify(key.slice(0, 64))} is named twice in one object.`,
        );
      level.keys.add(key);
    }
  }
  return null;
}

/** Text that UTF-8 cannot carry would come out of the stores as other text. */
function refuseHalves(text: string, value: unknown): Refusal | null {
  const halved = LONE_SURROGATE_HINT.test(text) && LONE_SURROGATE.test(JSON.stringify(value));
  return halved ? refuse("body.not_json", "It has half of a surrogate pair, which is no text.") : null;
}

/** JSON.parse makes infinity of a number past the range of doubles, and JSON.stringify null of that. */
function refuseInfinity(text: string, value: unknown): Refusal | null {
  return INFINITY_HINT.test(text) && isInfinite(value)
    ? refuse("request.invalid", "It has a number past the range of IEEE 754 doubles.")
    : null;
}

/** Recurses no deeper than the limit of a body's depth, which was checked before. */
function isInfinite(value: unknown): boolean {
  if (typeof value === "number") return !Number.isFinite(value);
  return typeof value === "object" && value !== null && Object.values(value).some(isInfinite);
}
