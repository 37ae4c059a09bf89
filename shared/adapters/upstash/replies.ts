import * as z from "zod/mini";

/** Redis answers as they arrive with the client's own decoding off: text, integers, null, and lists of these. */

export const CountReply = z.int();
export const TextReply = z.nullable(z.string());
export const TextsReply = z.array(z.string());
export const SparseTextsReply = z.array(TextReply);

/** A score is text in Redis's own protocol; a server of ours may print it as a number. */
const Score = z.coerce.number();
const TextOrScore = z.union([z.string(), z.number()]);
export const SparseScoresReply = z.array(z.nullable(Score));

/** The answer to HGETALL, names and numbers in turn. */
export function parseCounts(reply: unknown): Record<string, number> {
  return Object.fromEntries(parseScored(reply).map(({ member, score }) => [member, score]));
}

/** The answer to WITHSCORES: members and scores in turn. */
export function parseScored(reply: unknown): { readonly member: string; readonly score: number }[] {
  const flat = z.array(TextOrScore).parse(reply);
  const scored = [];
  for (let place = 0; place + 1 < flat.length; place += 2)
    scored.push({ member: String(flat[place]), score: Score.parse(flat[place + 1]) });
  return scored;
}

/** The document in a text, or null if there is none or it does not fit its schema: then it counts as missing. */
export function parseDocument<T>(schema: z.ZodMiniType<T>, text: string | null | undefined): T | null {
  if (text === null || text === undefined) return null;
  const parsed = schema.safeParse(parseJson(text));
  return parsed.success ? parsed.data : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // No schema of ours admits it, so the document counts as missing.
  }
}

/** How many members one command names at most, which keeps a request far below Upstash's limit of 10 MB. */
const MEMBERS_PER_COMMAND = 500;

/** Splits a list so that each part fits one command. None for an empty list. */
export function inParts<T>(list: readonly T[]): [T, ...T[]][] {
  const parts: [T, ...T[]][] = [];
  for (let start = 0; start < list.length; start += MEMBERS_PER_COMMAND) {
    const [first, ...rest] = list.slice(start, start + MEMBERS_PER_COMMAND);
    if (first !== undefined) parts.push([first, ...rest]);
  }
  return parts;
}

/** A script's outcome. Throws if it is none: script and schema are of one version. */
export function parseOutcome<T>(schema: z.ZodMiniType<T>, reply: unknown): T {
  return schema.parse(parseJson(z.string().parse(reply)));
}
