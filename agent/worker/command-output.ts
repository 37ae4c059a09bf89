import { TEXT_CHARACTERS_LIMIT } from "../../shared/contract/limits.ts";

export type ProgressLine = { readonly percent: number; readonly message: string | null };

const PROGRESS = /^::shim progress (\d+(?:\.\d+)?)(?:\s+(.*))?$/;
const MESSAGE_CHARACTERS_LIMIT = 500;
const TAIL_LINES = 20;

/** Reads `::shim progress 40 text`; null for every other line, and for a percentage past 100. */
export function readProgressLine(line: string): ProgressLine | null {
  const [, percent, message] = PROGRESS.exec(line) ?? [];
  if (percent === undefined || Number(percent) > 100) return null;
  return { percent: Number(percent), message: message?.trim().slice(0, MESSAGE_CHARACTERS_LIMIT) || null };
}

/** Keeps the last lines of an output, for an error's message. */
export type Tail = { add(line: string): void; text(): string };

export function createTail(): Tail {
  const lines: string[] = [];
  return {
    add(line) {
      lines.push(line.slice(0, TEXT_CHARACTERS_LIMIT));
      if (lines.length > TAIL_LINES) lines.shift();
    },
    text: () => lines.join("\n").trim(),
  };
}

/** `headline`, then the end of `tail`, within what an error's message may be. The end says most, so it stays. */
export function describeFailure(headline: string, tail: string): string {
  const roomForTail = TEXT_CHARACTERS_LIMIT - headline.length - 2;
  if (tail === "" || roomForTail < 20) return headline.slice(0, TEXT_CHARACTERS_LIMIT);
  return `${headline}:\n${tail.length > roomForTail ? `…${tail.slice(-(roomForTail - 1))}` : tail}`;
}
