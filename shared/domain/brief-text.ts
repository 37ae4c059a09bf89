import type { CheckpointState, ToolCall } from "../contract/checkpoint.ts";

/**
 * Bytes of UTF-8 that are reckoned as one token: fewer than models take for one in English prose (about 4), so that code, paths and other
 * languages keep within a budget too.
 */
const BYTES_PER_TOKEN = 3;

const encoder = new TextEncoder();
const bytesOf = (text: string): number => encoder.encode(text).length;

/** An estimate that is rather too high. */
export function estimateTokens(text: string): number {
  return Math.ceil(bytesOf(text) / BYTES_PER_TOKEN);
}

type Section = {
  readonly title: string;
  readonly lines: readonly string[];
  /** Its first line is rather cut than left out. */
  readonly vital?: boolean;
};

const TITLE = "## Where this was left";
const RULES =
  "Do not repeat what is done. Look at the state of what is unknown before you repeat it: it may have run wholly, in part or not at all.";

/** What a brief says besides its state. */
export type BriefParts = {
  readonly situation: string;
  readonly unknown: readonly ToolCall[];
  readonly next: readonly string[];
  readonly done: readonly string[];
  readonly blockers: readonly string[];
  readonly files: readonly string[];
};

/** A brief in words, for an agent's prompt: what matters most comes first, and what does not fit is said to be left out. */
export function briefText(brief: BriefParts, state: CheckpointState, tokens: number): string {
  const { situation, unknown, next, done, blockers, files } = brief;
  const { git, conversation } = state;
  const place = git?.head ? [`HEAD ${git.head}${git.branch ? ` on ${git.branch}` : ""}`] : [];
  const sections: Section[] = [
    {
      title: "Outcome unknown",
      lines: unknown.map(({ name, summary }) => oneLine(`${name}: ${summary}`, CALL_LIMIT)),
      vital: true,
    },
    { title: "Next", lines: next },
    { title: "Done", lines: newestFirst(done) },
    { title: "In the way", lines: blockers },
    { title: "Decided", lines: conversation?.decisions ?? [] },
    { title: "Files", lines: [...place, ...files] },
    { title: "Said last", lines: (conversation?.recent ?? []).map(({ role, text }) => `${role}: ${text}`) },
  ];
  const budget = tokens * BYTES_PER_TOKEN - bytesOf(MORE);
  const room = budget - bytesOf(`${TITLE}\n\n\n${RULES}`);
  // Paths may be long: what is unknown gets half of the room, if it needs it.
  const told = cutTo(situation, unknown.length > 0 ? Math.floor(room / 2) : room);
  return fit(cutTo(`${TITLE}\n\n${told}\n${RULES}`, budget), sections, budget);
}

/** Where not all of it fits, the latest steps say most of where to go on. */
const newestFirst = (lines: readonly string[]) => [...lines].reverse();

/** Characters of one line: a step is told, not all that it was. Of a call fewer, so that all that a journal has leave room for the rest. */
const LINE_LIMIT = 300;
const CALL_LIMIT = 160;

/** What says that sections are missing; there is always room for it. */
const MORE = "\n\n(More is left out here.)";

/** As much as fits in so many bytes. From the first section on that has no room at all, what follows matters less and is left out too. */
function fit(head: string, sections: readonly Section[], bytes: number): string {
  let text = head;
  for (const section of sections) {
    if (section.lines.length === 0) continue;
    const told = tell(section, bytes - bytesOf(text));
    if (told === null) return text + MORE;
    text += told;
  }
  return text;
}

/** A section in so many bytes; null if not even the count of its lines fits. */
function tell({ title, lines, vital = false }: Section, bytes: number): string | null {
  const left = (count: number) => (count === 0 ? "" : `\n- (and ${count} more that are left out here)`);
  let told = `\n\n### ${title}`;
  let count = 0;
  for (const line of lines) {
    const room = bytes - bytesOf(`${told}\n- ${left(lines.length - count - 1)}`);
    const shown = vital && count === 0 ? cutTo(oneLine(line), room) : oneLine(line);
    if (bytesOf(shown) > room) break;
    told += `\n- ${shown}`;
    count += 1;
  }
  const whole = told + left(lines.length - count);
  return bytesOf(whole) <= bytes ? whole : null;
}

const oneLine = (text: string, limit = LINE_LIMIT) => clip(text.replace(/\s+/g, " ").trim(), limit);

/** The beginning of a text, in so many characters. Half of one that was cut in two is refused by those who serve models. */
export function clip(text: string, characters: number): string {
  const cut = text.length <= characters ? text : `${text.slice(0, characters - 1)}…`;
  return cut.toWellFormed();
}

/** The beginning of a text, in so many bytes. */
function cutTo(text: string, bytes: number): string {
  let { length } = text;
  while (length > 0 && bytesOf(clip(text, length)) > bytes) length = Math.floor(length * 0.9);
  return length > 0 ? clip(text, length) : "";
}
