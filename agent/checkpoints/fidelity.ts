import type { CheckpointState } from "../../shared/contract/checkpoint.ts";

/** How much each part counts; together 1. */
export const FIDELITY_WEIGHTS = { task: 0.4, conversation: 0.3, files: 0.2, tools: 0.1 } as const;
/**
 * What the files part is at most when the worktree differs from the checkpoint in any way: low enough that the total is
 * below .9, whatever else fits.
 */
export const DIFFERING_FILES_LIMIT = 0.4;

export type Fidelity = {
  /** 0 to 1, as the parts are. */
  readonly total: number;
  readonly parts: Readonly<Record<keyof typeof FIDELITY_WEIGHTS, number>>;
  /** What did not fit, or could not be verified, for people and for the agent. */
  readonly findings: readonly string[];
};

/** What was found where the work is to go on. */
export type Found = {
  /** The task that it is to go on with; null: none. */
  readonly taskId: string | null;
  /** Whether the agent's own session is there as it was; null: it was not looked for, or there is none. */
  readonly transcriptIntact: boolean | null;
  /** Null, or why: no repository. */
  readonly worktree: FoundWorktree | null;
};

export type FoundWorktree = {
  readonly head: string | null;
  /** Whether the checkpoint's commit is HEAD, was before it, or neither; null: the checkpoint names none. */
  readonly headIs: "same" | "ancestor" | "other" | null;
  readonly diffHash: string | null;
  /** Of the files that the checkpoint has hashes of. */
  readonly fileHashes: Readonly<Record<string, string | null>>;
};

type Part = { readonly score: number; readonly findings: readonly string[] };

/** Compares what was recorded with what was found. What cannot be verified counts as not there. Pure. */
export function measureFidelity(state: CheckpointState, found: Found): Fidelity {
  const parts = {
    task: taskPart(state, found),
    conversation: conversationPart(state, found),
    files: filesPart(state, found.worktree),
    tools: toolsPart(state),
  };
  const total = Object.entries(FIDELITY_WEIGHTS).reduce(
    (sum, [name, weight]) => sum + weight * parts[name as keyof typeof parts].score,
    0,
  );
  return {
    total: rounded(total),
    parts: {
      task: rounded(parts.task.score),
      conversation: rounded(parts.conversation.score),
      files: rounded(parts.files.score),
      tools: rounded(parts.tools.score),
    },
    findings: Object.values(parts).flatMap(({ findings }) => findings),
  };
}

/** Whether what is to be done, what was done and what comes next are there, of the task that is to go on. */
function taskPart({ task, tools }: CheckpointState, { taskId }: Found): Part {
  const recorded = task?.["id"] ?? null;
  if (recorded !== taskId)
    return part(0, [`The checkpoint is of ${nameOf(recorded)}, and ${nameOf(taskId)} is to go on.`]);
  const isBegun = (tools?.recent ?? []).length > 0;
  const checks: [string, boolean][] = [
    ["what was asked for", isText(task?.operation)],
    ["what comes next", (task?.next ?? []).length > 0],
    // Before the first tool call has ended there is nothing that could be done.
    ...(isBegun ? [["what is done", (task?.done ?? []).length > 0] as [string, boolean]] : []),
  ];
  const missing = checks.filter(([, there]) => !there);
  return part(
    share(checks.length - missing.length, checks.length),
    missing.map(([what]) => `The checkpoint does not say ${what}.`),
  );
}

/** All of it if the agent's own session is intact, else the share of its messages that the checkpoint carries. */
function conversationPart({ conversation, agent }: CheckpointState, { transcriptIntact }: Found): Part {
  if (transcriptIntact === true) return part(1, []);
  const carried = (conversation?.recent ?? []).length;
  const all = Number(conversation?.["messages"] ?? 0);
  const why = !isText(agent?.transcriptPath)
    ? "The agent has no transcript of its own session"
    : transcriptIntact === false
      ? "The agent's own session is not there as it was"
      : "The agent's own session was not looked for";
  return part(all > 0 ? Math.min(1, carried / all) : 0, [`${why}: ${carried} of ${all} messages are known.`]);
}

function filesPart({ git, files }: CheckpointState, worktree: FoundWorktree | null): Part {
  if (!isText(git?.worktree))
    return part(0, ["The checkpoint knows of no repository: no file can be verified."]);
  if (!worktree) return part(0, ["There is no repository here: no file can be verified."]);
  const findings: string[] = [];
  const fits = worktree.headIs === "same" || worktree.headIs === "ancestor" || !isText(git.head);
  if (!fits) findings.push(`HEAD is ${worktree.head ?? "nothing"}, and was ${git.head ?? "nothing"}.`);
  const recorded = hashesOf(files?.["fileHashes"]);
  const differing = recorded.filter(([name, hash]) => (worktree.fileHashes[name] ?? null) !== hash);
  for (const [name, hash] of differing)
    findings.push(differenceOf(name, hash, worktree.fileHashes[name] ?? null));
  const isSameDiff =
    worktree.headIs !== "ancestor" && isText(git.diffHash) && git.diffHash === worktree.diffHash;
  // What was not committed may have been since: then no diff is left, and the files tell.
  const isCommitted = worktree.headIs === "ancestor" || !isText(git.diffHash);
  const isWhole = fits && differing.length === 0 && (isSameDiff || isCommitted);
  if (fits && differing.length === 0 && !isWhole)
    findings.push("The worktree has other changes than the checkpoint: its diff's hash differs.");
  const same = share(recorded.length - differing.length + (fits ? 1 : 0), recorded.length + 1);
  return part(isWhole ? 1 : same * DIFFERING_FILES_LIMIT, findings);
}

function differenceOf(name: string, recorded: string | null, now: string | null): string {
  if (now === null) return `${name} is missing.`;
  return recorded === null ? `${name} was deleted, and is there.` : `${name} has another content.`;
}

/** The share of the recorded calls of which it is known how they ended. */
function toolsPart({ tools }: CheckpointState): Part {
  if (!tools) return part(0, ["The checkpoint knows of no tool calls."]);
  const calls = [...(tools.pending ?? []), ...(tools.recent ?? [])];
  const unknown = calls.filter(({ outcome }) => outcome === "unknown");
  return part(
    calls.length === 0 ? 1 : share(calls.length - unknown.length, calls.length),
    unknown.map(({ name, summary }) => `${name}: ${summary}: it may have run wholly, in part or not at all.`),
  );
}

function hashesOf(value: unknown): [string, string | null][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).map(([name, hash]) => [name, typeof hash === "string" ? hash : null]);
}

const part = (score: number, findings: readonly string[]): Part => ({ score, findings });
const share = (some: number, all: number) => (all === 0 ? 0 : some / all);
const rounded = (value: number) => Math.round(value * 1_000) / 1_000;
const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
const nameOf = (id: unknown) => (isText(id) ? `task ${id}` : "no task");
