import type { CheckpointState, ToolCall } from "../../shared/contract/checkpoint.ts";
import { redact, redactDeep } from "../../shared/redaction/redact.ts";
import { readBinaryParts } from "./binary-patch.ts";
import { keepClean, latest, oneLine } from "./bounded-text.ts";
import { boundJson, fitState } from "./fit-state.ts";
import type { GitFacts } from "./git-facts.ts";
import type { RememberedCall, SessionMemory } from "./session-memory.ts";
import type { TranscriptMark } from "./transcript-mark.ts";

/** What a checkpoint carries at most; a session's memory holds more. */
export const RECENT_MESSAGES_LIMIT = 12;
export const RECENT_CALLS_LIMIT = 20;
export const STEPS_LIMIT = 40;
export const LINES_LIMIT = 20;
export const PATHS_LIMIT = 200;
export const PATH_CHARACTERS_LIMIT = 1_000;
const LINE_CHARACTERS_LIMIT = 400;
const TEXT_CHARACTERS_LIMIT = 4_000;
/** Bytes of what a session's user prefers, as JSON. */
export const PREFERENCES_BYTES_LIMIT = 32 * 1024;

/** What the agent itself said of its work, should it have called our tool for that. It goes before what was observed. */
export type Notes = {
  readonly summary?: string | null;
  readonly decisions?: readonly string[];
  readonly context?: string | null;
  readonly phase?: string | null;
  readonly done?: readonly string[];
  readonly next?: readonly string[];
  readonly blockers?: readonly string[];
};

export type CheckpointInput = {
  readonly memory: SessionMemory;
  /** Null, or why: there is no repository. */
  readonly git: GitFacts | { readonly none: string } | null;
  readonly agent: { readonly kind: string; readonly host: string; readonly cwd: string };
  readonly transcript: TranscriptMark | null;
  readonly task: {
    readonly id: string;
    readonly operation: string;
    readonly percent: number | null;
  } | null;
  readonly notes?: Notes;
  readonly preferences?: Readonly<Record<string, unknown>>;
};

/** What is sent of a session: bounded in every part, and without secrets. Pure. */
export function makeCheckpoint(input: CheckpointInput): CheckpointState {
  const { diff, ...files } = filesPart(input);
  const state = redactDeep({
    conversation: conversationPart(input),
    task: taskPart(input),
    files,
    tools: toolsPart(input.memory),
    git: gitPart(input.git),
    agent: {
      ...input.agent,
      sessionId: input.memory.own.sessionId,
      transcriptPath: input.memory.own.transcriptPath,
      transcript: input.transcript,
    },
    preferences: boundJson(input.preferences ?? {}, PREFERENCES_BYTES_LIMIT),
  });
  return fitState({ ...state, files: { ...state.files, ...cleanDiff(diff) } });
}

function conversationPart({ memory, notes = {} }: CheckpointInput) {
  const { prompts, messages, counts } = memory;
  const [first = null] = prompts;
  const others = prompts.slice(1).map((prompt) => `Then asked: ${oneLine(prompt, LINE_CHARACTERS_LIMIT)}`);
  const observed = first === null ? null : [first, ...others].join("\n");
  return {
    summary: textOr(notes.summary, observed),
    decisions: linesOf(notes.decisions, LINES_LIMIT),
    context: textOr(notes.context, messages.at(-1)?.text ?? null),
    recent: latest(messages, RECENT_MESSAGES_LIMIT).map(({ role, text }) => ({ role, text })),
    /** Of all its messages: `recent` are a part of them. */
    messages: counts.messages,
    turns: counts.turns,
    compactions: counts.compactions,
  };
}

function taskPart({ memory, task, notes = {} }: CheckpointInput) {
  const { todos, waiting } = memory;
  const current = todos.find(({ status }) => status === "in_progress")?.text ?? null;
  const finished = todos.filter(({ status }) => status === "completed");
  const share = todos.length === 0 ? null : Math.round((100 * finished.length) / todos.length);
  const blocked = waiting
    ? [`It waits for ${waiting.for === "human" ? "a person" : "the model"}: ${waiting.why}`]
    : [];
  return {
    id: task?.id ?? null,
    operation: textOr(task?.operation, memory.prompts[0] ?? null),
    phase: textOr(notes.phase, current),
    progress: task?.percent ?? share,
    done: doneOf(memory, notes),
    next: nextOf(memory, notes),
    blockers: linesOf([...(notes.blockers ?? []), ...blocked], LINES_LIMIT),
  };
}

/** Finished steps in the agent's own words, then tool calls that ended, in words that say how. */
function doneOf({ todos, calls }: SessionMemory, notes: Notes): string[] {
  const steps = todos.filter(({ status }) => status === "completed").map(({ text }) => text);
  const ended = calls
    .filter(({ outcome }) => outcome !== "unknown")
    .map(({ name, summary, outcome }) => `${name}: ${summary}${outcome === "failed" ? " (failed)" : ""}`);
  const said = linesOf([...(notes.done ?? []), ...steps], STEPS_LIMIT);
  return [...said, ...linesOf(latest(ended, RECENT_CALLS_LIMIT), STEPS_LIMIT)];
}

/** What was announced: the steps that are left, else its last words. */
function nextOf({ todos, messages, prompts }: SessionMemory, notes: Notes): string[] {
  const left = [
    ...todos.filter(({ status }) => status === "in_progress"),
    ...todos.filter(({ status }) => status === "pending"),
  ].map(({ text }) => text);
  const said = [...(notes.next ?? []), ...left];
  if (said.length > 0) return linesOf(said, STEPS_LIMIT);
  const last = messages.at(-1);
  if (last?.role === "assistant") return [`It last said: ${oneLine(last.text, LINE_CHARACTERS_LIMIT)}`];
  const asked = prompts.at(-1);
  return asked === undefined ? [] : [`It was asked: ${oneLine(asked, LINE_CHARACTERS_LIMIT)}`];
}

function toolsPart({ calls, counts }: SessionMemory) {
  return {
    pending: calls.filter(({ outcome }) => outcome === "unknown").map(toolCall),
    recent: latest(
      calls.filter(({ outcome }) => outcome !== "unknown"),
      RECENT_CALLS_LIMIT,
    ).map(toolCall),
    total: counts.toolCalls,
    failed: counts.failedCalls,
  };
}

function toolCall({ id, name, summary, startedAt, endedAt, outcome }: RememberedCall): ToolCall {
  const instant = (at: number) => new Date(at).toISOString();
  return {
    id: oneLine(id, 200),
    name,
    summary,
    startedAt: instant(startedAt),
    endedAt: endedAt === null ? null : instant(endedAt),
    outcome,
  };
}

function filesPart({ memory, git }: CheckpointInput) {
  const active = boundPaths(memory.activeFiles);
  if (!git || "none" in git) return { active, diff: null };
  const { diff, modified, staged, untracked, fileHashes, diffWithout } = git;
  return {
    active,
    modified: boundPaths(modified),
    staged: boundPaths(staged),
    untracked: boundPaths(untracked),
    /** How many there are: the lists may be shorter. */
    counts: { modified: modified.length, staged: staged.length, untracked: untracked.length },
    fileHashes: Object.fromEntries(
      Object.entries(fileHashes)
        .filter(([name]) => isShort(name))
        .slice(0, PATHS_LIMIT),
    ),
    diff,
    diffOmitted: git.diffOmitted,
    diffBytes: git.diffBytes,
    diffWithout: boundPaths(diffWithout),
  };
}

function gitPart(git: CheckpointInput["git"]) {
  if (!git) return {};
  if ("none" in git) return { none: oneLine(git.none, LINE_CHARACTERS_LIMIT) };
  return { head: git.head, branch: git.branch, worktree: git.top, diffHash: git.diffHash };
}

/** With a secret taken out, a diff would be another change: it stays here, and its hash says what it was. */
function cleanDiff(diff: string | null): { diff: string | null; diffRedacted?: true } {
  if (diff === null) return { diff };
  const isClean = [diff, ...readBinaryParts(diff)].every((part) => part !== null && redact(part) === part);
  return isClean ? { diff } : { diff: null, diffRedacted: true };
}

const isShort = (name: string) => name.length <= PATH_CHARACTERS_LIMIT;
const boundPaths = (paths: readonly string[]) => paths.filter(isShort).slice(0, PATHS_LIMIT);

function linesOf(lines: readonly string[] | undefined, limit: number): string[] {
  return (lines ?? []).slice(0, limit).map((line) => oneLine(line, LINE_CHARACTERS_LIMIT));
}

function textOr(text: string | null | undefined, otherwise: string | null): string | null {
  const chosen = text || otherwise;
  return chosen === null ? null : keepClean(chosen, TEXT_CHARACTERS_LIMIT);
}
