import type { CheckpointState } from "../../shared/contract/checkpoint.ts";
import { type Fidelity, type FoundWorktree, measureFidelity } from "./fidelity.ts";
import { hashFiles } from "./file-hashes.ts";
import { runGit } from "./git-command.ts";
import { type GitFacts, readGitFacts } from "./git-facts.ts";
import { restoreWorktree } from "./restore-worktree.ts";
import { markTranscript } from "./transcript-mark.ts";

export type RestoreRequest = {
  readonly state: CheckpointState;
  /** The worktree where the work is to go on. */
  readonly dir: string;
  readonly taskId: string | null;
  /** Of the machine that restores: another one has other transcripts. */
  readonly host: string;
  /** The adapter's own look at a transcript, besides ours. */
  readonly isIntact?: (own: { sessionId: string; transcriptPath: string }) => Promise<boolean>;
  /** Only measure; change nothing. */
  readonly measureOnly?: boolean;
};

export type Restored = {
  /**
   * `restored`: HEAD and files are as they were. `kept`: the worktree had changes of its own, and nothing was touched. `none`:
   * nothing could be put back.
   */
  readonly outcome: "restored" | "kept" | "none";
  readonly fidelity: Fidelity;
  /** Whether the agent's own session can be gone on with. */
  readonly ownSession: boolean;
};

/**
 * Puts a clean worktree where the checkpoint's was, as far as that can be done without losing anything, and measures what
 * fits afterwards. Any number of times: what is there already is left as it is.
 */
export async function restore(request: RestoreRequest): Promise<Restored> {
  const { state, dir, taskId } = request;
  const changed = request.measureOnly
    ? { outcome: "kept" as const, findings: [] }
    : await restoreWorktree(state, dir);
  const [worktree, transcriptIntact] = await Promise.all([look(state, dir), isTranscriptIntact(request)]);
  const measured = measureFidelity(state, { taskId, worktree, transcriptIntact });
  return {
    outcome: changed.outcome,
    fidelity: { ...measured, findings: [...changed.findings, ...measured.findings] },
    ownSession: transcriptIntact === true,
  };
}

async function look(state: CheckpointState, dir: string): Promise<FoundWorktree | null> {
  const facts = await readGitFacts(dir);
  if ("none" in facts) return null;
  const recorded = state.files?.["fileHashes"];
  const names = typeof recorded === "object" && recorded !== null ? Object.keys(recorded) : [];
  return {
    head: facts.head,
    headIs: await relation(facts, state.git?.head ?? null),
    diffHash: facts.diffHash,
    fileHashes: await hashFiles(facts.top, names),
  };
}

async function relation({ top, head }: GitFacts, recorded: string | null): Promise<FoundWorktree["headIs"]> {
  if (recorded === null) return null;
  if (recorded === head) return "same";
  if (!/^[0-9a-f]{40,64}$/.test(recorded) || head === null) return "other";
  return (await runGit(top, ["merge-base", "--is-ancestor", recorded, head])).ok ? "ancestor" : "other";
}

async function isTranscriptIntact({ state, host, isIntact }: RestoreRequest): Promise<boolean | null> {
  const { agent } = state;
  const { sessionId, transcriptPath } = agent ?? {};
  if (!sessionId || !transcriptPath) return null;
  if (agent?.host !== host) return false;
  const mark = agent["transcript"];
  if (typeof mark !== "object" || mark === null || !("bytes" in mark) || !("hash" in mark)) return null;
  const now = await markTranscript(transcriptPath, Number(mark.bytes));
  if (now?.hash !== mark.hash) return false;
  return isIntact ? await isIntact({ sessionId, transcriptPath }) : true;
}
