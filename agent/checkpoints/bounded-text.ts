import { redact } from "../../shared/redaction/redact.ts";

/** What stands where text was cut off. */
const CUT = "…";

/** The beginning of a text, never half of a character. A prompt's beginning says most. */
export function keepBeginning(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return `${whole(text.slice(0, limit - CUT.length))}${CUT}`;
}

/**
 * The same, without secrets: they are taken out before the text is cut, since half of one would not be told from a word. Only a
 * few times the limit is looked at.
 */
export function keepClean(text: string, limit: number): string {
  const all = text.trim();
  const looked = all.length <= limit * 4 ? all : whole(all.slice(0, limit * 4)).replace(/\S{1,200}$/, "");
  return keepBeginning(redact(looked), limit);
}

/** One line, without secrets: whatever separates lines becomes a blank. */
export function oneLine(text: string, limit: number): string {
  return keepBeginning(keepClean(text, limit * 4).replace(/\s+/g, " "), limit);
}

/** The newest entries of a list. */
export function latest<T>(list: readonly T[], limit: number): readonly T[] {
  return list.length <= limit ? list : list.slice(list.length - limit);
}

/** Without the first half of a pair of code units, should it be cut there: JSON would carry it as nonsense. */
function whole(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff ? text.slice(0, -1) : text;
}
