import type { CheckpointState, ResumeBrief, ResumeCause, ToolCall } from "../contract/checkpoint.ts";
import { TEXT_CHARACTERS_LIMIT } from "../contract/limits.ts";
import type { EndedBy, JournalCall } from "../contract/records.ts";
import { briefText, clip } from "./brief-text.ts";
import { readState } from "./read-state.ts";

/** What is known of unfinished work. Times are epoch milliseconds. */
export type Unfinished = {
  /** The task that it is of; null: of a session without one. */
  readonly taskId: string | null;
  /** Whose work it was, and how it came to its end; null: it has not, and this is its own word of how far it is. */
  readonly session: string;
  readonly endedBy: EndedBy | null;
  readonly endedAtMs: number | null;
  readonly lastBeatAtMs: number | null;
  readonly checkpoint: {
    readonly sessionId: string;
    readonly sequence: number;
    readonly trigger: string;
    readonly atMs: number;
    readonly state: unknown;
    /** Whether it was made in the very start or tenure that came to its end. */
    readonly ofLastStart: boolean;
  } | null;
  /** Tool calls of it that were told besides. */
  readonly calls: readonly JournalCall[];
};

const MINUTE_MS = 60_000;
/** Up to this age the evidence is fresh, and from that one on it is stale. */
const FRESH_MS = 5 * MINUTE_MS;
const STALE_MS = 60 * MINUTE_MS;

/** What a successor is told; null if nothing is known that it could go on with. */
export function resumeBrief(unfinished: Unfinished, nowMs: number, tokens: number): ResumeBrief | null {
  const { checkpoint, taskId } = unfinished;
  const state = readState(checkpoint?.state);
  const calls = mergeCalls(state, unfinished.calls);
  if (checkpoint === null && calls.length === 0) return null;
  const unknown = calls.filter(({ outcome }) => outcome === "unknown");
  const brief = {
    taskId,
    cause: CAUSES[unfinished.endedBy ?? "unknown"],
    confidence: confidenceOf(unfinished, nowMs),
    checkpoint: checkpoint && {
      ...{ sessionId: checkpoint.sessionId, sequence: checkpoint.sequence, trigger: checkpoint.trigger },
      at: new Date(checkpoint.atMs).toISOString(),
    },
    situation: situationOf(unfinished, state, nowMs),
    // Of what is done the latest matters most, and of all else the first.
    done: bounded(doneOf(state, calls).slice(-ENTRIES_LIMIT)),
    next: bounded(state.task?.next ?? []),
    blockers: bounded(state.task?.blockers ?? []),
    files: bounded(filesOf(state)),
    unknown: unknown.slice(-ENTRIES_LIMIT).map(boundedCall),
    git: state.git ? whole(state.git, ["head", "branch", "worktree", "diffHash"]) : null,
    agent: state.agent ? whole(state.agent, ["kind", "host", "cwd", "sessionId", "transcriptPath"]) : null,
  };
  return { ...brief, text: briefText(brief, state, tokens) };
}

/** Entries of each list of a brief, and characters of one: a hundred briefs, of whatever states, must fit one answer. */
const ENTRIES_LIMIT = 100;
const ENTRY_CHARACTERS_LIMIT = 300;

const entry = (text: string) => clip(text, ENTRY_CHARACTERS_LIMIT);
const bounded = (lines: readonly string[]) => lines.slice(0, ENTRIES_LIMIT).map(entry);

/** What a call has besides may be of any size; who needs it reads the checkpoint. */
const boundedCall = ({ id, name, summary, startedAt, endedAt = null, outcome }: ToolCall): ToolCall => ({
  ...{ id: entry(id), name: entry(name), summary: entry(summary) },
  ...{ startedAt, endedAt, outcome },
});

/** These fields of a part. Ids and paths are of no use in part: what is too long is null. */
function whole<K extends string>(
  part: Readonly<Partial<Record<K, string | null>>>,
  names: readonly K[],
): Record<K, string | null> {
  const fields = names.map((name): [K, string | null] => {
    const value = part[name] ?? null;
    return [name, value !== null && value.length <= TEXT_CHARACTERS_LIMIT ? value.toWellFormed() : null];
  });
  return Object.fromEntries(fields) as Record<K, string | null>;
}

/** What the design gives each cause, and how the age of the evidence changes it (FACTS of the first SHIM). */
const CONFIDENCE: Readonly<Record<ResumeCause, number>> = {
  crash: 0.85,
  timeout: 0.85,
  exit: 0.9,
  unknown: 0.3,
};
/** The supervisor saw it, and a checkpoint is of the very start that crashed. */
const CHECKPOINTED_CRASH = 0.95;

const CAUSES: Readonly<Record<EndedBy, ResumeCause>> = {
  crash: "crash",
  lost: "crash",
  timeout: "timeout",
  exit: "exit",
  done: "exit",
  unknown: "unknown",
};

function confidenceOf({ endedBy, checkpoint, calls }: Unfinished, nowMs: number): number {
  const seen = endedBy === "crash" && checkpoint?.ofLastStart === true;
  const latestMs = Math.max(
    checkpoint?.atMs ?? 0,
    ...calls.map(({ startedAtMs, endedAtMs }) => endedAtMs ?? startedAtMs),
  );
  const ageMs = nowMs - latestMs;
  const byAge = ageMs < FRESH_MS ? 0.1 : ageMs > STALE_MS ? -0.2 : 0;
  const sum = (seen ? CHECKPOINTED_CRASH : CONFIDENCE[CAUSES[endedBy ?? "unknown"]]) + byAge;
  return Math.round(100 * Math.min(1, Math.max(0, sum))) / 100;
}

const ENDS: Readonly<Record<EndedBy, string>> = {
  crash: "crashed, as its supervisor saw",
  lost: "was started again without a word of its end, or its host was: it probably crashed",
  timeout: "went silent, or took too long, and was given up",
  exit: "gave this up before it was finished",
  done: "ended, and gave back what it had not finished",
  unknown: "stopped working on this, nobody knows why",
};

function situationOf(unfinished: Unfinished, state: CheckpointState, nowMs: number): string {
  const { session, endedBy, endedAtMs, lastBeatAtMs, checkpoint } = unfinished;
  const who = `Session ${session}${whereOf(state)}`;
  if (endedBy === null)
    return `${who} is at work. ${checkpoint ? madeOf(checkpoint, nowMs) : "It has made no checkpoint."}`;
  const endMs = lastBeatAtMs ?? endedAtMs;
  const ended = `${who} ${ENDS[endedBy]}${endMs === null ? "" : ` (${timeOf(endMs, nowMs)})`}.`;
  if (!checkpoint) return `${ended} It left no checkpoint; only tool calls are known.`;
  const gapMs = endMs === null ? null : endMs - checkpoint.atMs;
  const gap =
    checkpoint.trigger === "crash" || (gapMs !== null && gapMs <= 0)
      ? ""
      : ` It may have gone on${gapMs === null ? "" : ` for up to ${span(gapMs)}`} after that: what it did then, tool calls too, may be missing here.`;
  return `${ended} ${madeOf(checkpoint, nowMs)}${gap}`;
}

function whereOf({ git, agent }: CheckpointState): string {
  const place = git?.worktree ?? agent?.cwd;
  return `${place ? ` in ${entry(place)}` : ""}${agent?.host ? ` on ${entry(agent.host)}` : ""}`;
}

function madeOf({ sequence, trigger, atMs }: NonNullable<Unfinished["checkpoint"]>, nowMs: number): string {
  return `The last checkpoint (number ${sequence}, ${trigger}) was made ${timeOf(atMs, nowMs)}.`;
}

const timeOf = (ms: number, nowMs: number) => `${ago(nowMs - ms)}, ${new Date(ms).toISOString()}`;
const ago = (ms: number) => `${span(ms)} ago`;

function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}

/** Calls of the checkpoint and those told besides, by id, in the order in which they began; an outcome in either settles one. */
function mergeCalls({ tools }: CheckpointState, told: readonly JournalCall[]): ToolCall[] {
  const calls = new Map<string, ToolCall>();
  const add = (call: ToolCall) => {
    const known = calls.get(call.id);
    if (known === undefined || known.outcome === "unknown") calls.set(call.id, call);
  };
  for (const call of [...(tools?.recent ?? []), ...(tools?.pending ?? [])]) add(call);
  for (const { id, name, summary, startedAtMs, endedAtMs, outcome } of told)
    add({
      ...{ id, name, summary, outcome, startedAt: new Date(startedAtMs).toISOString() },
      endedAt: endedAtMs === null ? null : new Date(endedAtMs).toISOString(),
    });
  return [...calls.values()].sort((a, b) =>
    a.startedAt < b.startedAt ? -1 : a.startedAt > b.startedAt ? 1 : 0,
  );
}

/** Steps in the agent's own words, and finished calls that they do not name. */
function doneOf({ task }: CheckpointState, calls: readonly ToolCall[]): string[] {
  const done = task?.done ?? [];
  const finished = calls
    .filter(({ outcome }) => outcome !== "unknown")
    .map(({ name, summary, outcome }) => `${name}: ${summary}${outcome === "failed" ? " (failed)" : ""}`);
  return [...new Set([...done, ...finished])];
}

function filesOf({ files }: CheckpointState): string[] {
  const { modified = [], staged = [], untracked = [], active = [] } = files ?? {};
  return [...new Set([...modified, ...staged, ...untracked, ...active])];
}
