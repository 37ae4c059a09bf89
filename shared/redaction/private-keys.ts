const BEGIN = /-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----/g;
const END = /-----END (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----/g;
const HEADER = "PRIVATE KEY";
/** From the beginning of a key to its end, at most: RSA with 16384 bits, escaped and in a diff, has less. */
const KEY_CHARACTERS_LIMIT = 32_000;
/** What is left of a key whose end, or beginning, is missing. Lines may begin as in a diff or a quotation. */
const BODY = /[A-Za-z0-9+/=\s\\"',:>|*-]*/y;
/** Fewer characters of base64 are a mention of keys, not a key. */
const TAIL = /[A-Za-z0-9+/=\r\n\\>|-]/;
const BODY_CHARACTERS_MINIMUM = 40;
const TAIL_CHARACTERS = 8_000;

/**
 * Private keys in PEM: also escaped in JSON, in a diff, and cut off at either side. A loop instead of one pattern: with
 * many beginnings and no end, a pattern would look through the rest of the text for each.
 */
export function redactPrivateKeys(text: string): string {
  if (!text.includes(HEADER)) return text;
  const begins = [...text.matchAll(BEGIN)];
  const ends = [...text.matchAll(END)];
  let result = "";
  let from = 0;
  const take = (start: number, end: number) => {
    result += `${text.slice(from, start)}[redacted:private-key]`;
    from = end;
  };
  let next = 0;
  for (const [index, end] of ends.entries()) {
    const endsAt = end.index + end[0].length;
    let closed = false;
    for (; next < begins.length && (begins[next]?.index ?? 0) < end.index; next += 1) {
      const begin = begins[next];
      if (!begin || begin.index < from) continue;
      const isLast = (begins[next + 1]?.index ?? Infinity) > end.index;
      if (isLast && end.index - begin.index <= KEY_CHARACTERS_LIMIT) {
        take(begin.index, endsAt);
        closed = true;
      } else takeBeginning(text, begin, take);
    }
    const before = Math.max(from, index > 0 ? (ends[index - 1]?.index ?? 0) : 0);
    if (!closed && end.index >= from) takeTail(text, before, end.index, endsAt, take);
  }
  for (; next < begins.length; next += 1) {
    const begin = begins[next];
    if (begin && begin.index >= from) takeBeginning(text, begin, take);
  }
  return result + text.slice(from);
}

type Take = (start: number, end: number) => void;

function takeBeginning(text: string, begin: RegExpExecArray, take: Take): void {
  BODY.lastIndex = begin.index + begin[0].length;
  const body = BODY.exec(text)?.[0] ?? "";
  if (isBody(body)) take(begin.index, begin.index + begin[0].length + body.length);
}

/** An end without a beginning: what stands before it is the key, as far as it looks like one. */
function takeTail(text: string, from: number, endIndex: number, endsAt: number, take: Take): void {
  const limit = Math.max(from, endIndex - TAIL_CHARACTERS);
  let start = endIndex;
  while (start > limit && TAIL.test(text[start - 1] ?? "")) start -= 1;
  if (isBody(text.slice(start, endIndex))) take(start, endsAt);
}

function isBody(body: string): boolean {
  return body.replace(/\\[nr]/g, "").replace(/[^A-Za-z0-9+/]/g, "").length >= BODY_CHARACTERS_MINIMUM;
}
