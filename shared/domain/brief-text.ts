import type { CheckpointState, ToolCall } from "../contract/checkpoint.ts";

/**
 * Bytes of UTF-8 that are reckoned as one token: fewer than models take for one in English prose (about 4), so that code, paths and other
 * languages keep within a budget too.
 */
const BYTES_PER_TOKEN = 3;

const encoder = new TextEncoder();

/** An estimate that is rather too high. */
export function estimateTokens(text: string): number {
  return Math.ceil(encoder.encode(text).length / BYTES_PER_TOKEN);
}

type Section = { readonly title: string; readonly lines: readonly string[] };

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
    },
    { title: "Next", lines: next },
    { title: "Done", lines: newestFirst(done) },
    { title: "In the way", lines: blockers },
    { title: "Decided", lines: conversation?.decisions ?? [] },
    { title: "Files", lines: [...place, ...files] },
    { title: "Said last", lines: (conversation?.recent ?? []).map(({ role, text }) => `${role}: ${text}`) },
  ];
  return fit(`## Where this was left\n\n${situation}\n${RULES}`, sections, tokens);
}

/** Where not all of it fits, the latest steps say most of where to go on. */
const newestFirst = (lines: readonly string[]) => [...lines].reverse();

/** Characters of one line: a step is told, not all that it was. Of a call fewer, so that all that a journal has leave room for the rest. */
const LINE_LIMIT = 300;
const CALL_LIMIT = 160;

/** What says that sections are missing; there is always room for it. */
const MORE = "\n\n(More is left out here.)";

function fit(head: string, sections: readonly Section[], tokens: number): string {
  const budget = tokens - estimateTokens(MORE);
  let text = cutTo(head, budget);
  let missing = false;
  for (const { title, lines } of sections) {
    if (lines.length === 0) continue;
    const heading = `\n\n### ${title}`;
    const left = (count: number) => (count === 0 ? "" : `\n- (and ${count} more that are left out here)`);
    let added = "";
    let told = 0;
    for (const line of lines) {
      const next = `${added}\n- ${oneLine(line)}`;
      if (estimateTokens(text + heading + next + left(lines.length - told - 1)) > budget) break;
      added = next;
      told += 1;
    }
    const section = heading + added + left(lines.length - told);
    // A section of which not even the count fits is left out whole.
    if (estimateTokens(text + section) <= budget) text += section;
    else missing = true;
  }
  return missing ? text + MORE : text;
}

function oneLine(text: string, limit = LINE_LIMIT): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= limit ? line : `${line.slice(0, limit - 1)}…`;
}

function cutTo(text: string, tokens: number): string {
  let cut = text;
  while (estimateTokens(cut) > tokens) cut = cut.slice(0, Math.floor(cut.length * 0.9));
  return cut;
}
