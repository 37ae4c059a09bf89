import type { CheckpointState, ResumeBrief, ResumeCause, ToolCall } from "../contract/checkpoint.ts";
import type { JournalCall } from "../contract/records.ts";
import { briefText } from "./brief-text.ts";
import { readState } from "./read-state.ts";

/** What is known of unfinished work. Times are epoch milliseconds. */
export type Unfinished = {
  /** The task that it is of; null: of a session without one. */
  readonly taskId: string | null;
  /** Whose work it was, and how it came to its end. */
  readonly session: string;
  readonly endedBy: ResumeCause;
  readonly endedAtMs: number | null;
  readonly lastBeatAtMs: number | null;
  readonly checkpoint: {
    readonly sessionId: string;
    readonly sequence: number;
    readonly trigger: string;
    readonly atMs: number;
    readonly state: unknown;
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
    cause: unfinished.endedBy,
    confidence: confidenceOf(unfinished, nowMs),
    checkpoint: checkpoint && {
      ...{ sessionId: checkpoint.sessionId, sequence: checkpoint.sequence, trigger: checkpoint.trigger },
      at: new Date(checkpoint.atMs).toISOString(),
    },
    situation: situationOf(unfinished, nowMs),
    done: doneOf(state, calls),
    next: state.task?.next ?? [],
    blockers: state.task?.blockers ?? [],
    files: filesOf(state),
    unknown,
    git: state.git ? { ...NO_GIT, ...state.git } : null,
    agent: state.agent ?? null,
  };
  return { ...brief, text: briefText(brief, state, tokens) };
}

const NO_GIT = { head: null, branch: null, worktree: null, diffHash: null };

/** What the design gives each cause, and how the age of the evidence changes it (FACTS of the first SHIM). */
const CONFIDENCE: Readonly<Record<ResumeCause, number>> = {
  crash: 0.85,
  timeout: 0.85,
  exit: 0.9,
  unknown: 0.3,
};
const CHECKPOINTED_CRASH = 0.95;

function confidenceOf({ endedBy, session, checkpoint, calls }: Unfinished, nowMs: number): number {
  const seen = endedBy === "crash" && checkpoint?.sessionId === session && checkpoint.trigger === "crash";
  const latestMs = Math.max(
    checkpoint?.atMs ?? 0,
    ...calls.map(({ startedAtMs, endedAtMs }) => endedAtMs ?? startedAtMs),
  );
  const ageMs = nowMs - latestMs;
  const byAge = ageMs < FRESH_MS ? 0.1 : ageMs > STALE_MS ? -0.2 : 0;
  const sum = (seen ? CHECKPOINTED_CRASH : CONFIDENCE[endedBy]) + byAge;
  return Math.round(100 * Math.min(1, Math.max(0, sum))) / 100;
}

const CAUSES: Readonly<Record<ResumeCause, string>> = {
  crash: "crashed",
  timeout: "went silent, or took too long, and was given up",
  exit: "ended before the work was finished",
  unknown: "stopped working on it, nobody knows why",
};

function situationOf(unfinished: Unfinished, nowMs: number): string {
  const { session, endedBy, endedAtMs, lastBeatAtMs, checkpoint } = unfinished;
  const endMs = lastBeatAtMs ?? endedAtMs;
  const ended = `Session ${session} ${CAUSES[endedBy]}${endMs === null ? "" : `, ${ago(nowMs - endMs)}`}.`;
  if (!checkpoint) return `${ended} It left no checkpoint; only tool calls are known.`;
  const { sequence, trigger, atMs } = checkpoint;
  const made = `Its last checkpoint (${sequence}, ${trigger}) was made ${ago(nowMs - atMs)}.`;
  const gapMs = endMs === null ? 0 : endMs - atMs;
  const gap =
    trigger === "crash" || gapMs <= 0
      ? ""
      : ` It went on for up to ${span(gapMs)} after that: what it did then may be missing here.`;
  return `${ended} ${made}${gap}`;
}

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
