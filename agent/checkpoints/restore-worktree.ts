import type { CheckpointState } from "../../shared/contract/checkpoint.ts";
import { runGit } from "./git-command.ts";
import { type GitFacts, readGitFacts } from "./git-facts.ts";

export type WorktreeChange = {
  readonly outcome: "restored" | "kept" | "none";
  readonly findings: readonly string[];
};

const kept = (finding: string): WorktreeChange => ({ outcome: "kept", findings: [finding] });
const none = (finding: string): WorktreeChange => ({ outcome: "none", findings: [finding] });

/**
 * Puts HEAD and the uncommitted changes of a checkpoint into a worktree that has no changes of its own. One that has some is
 * left alone, as is a commit that nothing else would lead to. If the changes do not fit, all is as it was.
 */
export async function restoreWorktree(state: CheckpointState, dir: string): Promise<WorktreeChange> {
  const facts = await readGitFacts(dir);
  if ("none" in facts) return none(`Nothing was restored: ${facts.none}`);
  const head = state.git?.head ?? null;
  if (facts.head === head && state.git?.diffHash && facts.diffHash === state.git.diffHash)
    return { outcome: "restored", findings: [] };
  if (facts.diff !== "") return kept("The worktree has changes of its own: nothing was touched.");
  const moved = await moveHead(facts, head);
  if (moved !== "past" && moved !== null) return moved;
  return applyDiff(facts.top, state, moved === "past");
}

/** Null: HEAD is where it should be. `past`: it has that commit and more, and stays there. */
async function moveHead(facts: GitFacts, head: string | null): Promise<WorktreeChange | "past" | null> {
  if (facts.head === head) return null;
  if (head === null) return kept("The checkpoint is of a repository without a commit: nothing was touched.");
  const { top } = facts;
  const isKnown =
    /^[0-9a-f]{40,64}$/.test(head) && (await runGit(top, ["cat-file", "-e", `${head}^{commit}`])).ok;
  if (!isKnown) return none(`The commit ${head} is not known here.`);
  if (facts.head !== null) {
    const isPast = (await runGit(top, ["merge-base", "--is-ancestor", head, facts.head])).ok;
    if (isPast) return "past";
    if (!(await isReachable(top, facts.head, head)))
      return kept(`HEAD is a commit that no branch has: it stays there.`);
  }
  const moved = await runGit(top, ["checkout", "--quiet", "--detach", head]);
  return moved.ok ? null : none(`HEAD could not be moved to ${head}: ${moved.error}`);
}

/** Whether something still leads to a commit when HEAD has gone to another. */
async function isReachable(top: string, commit: string, next: string): Promise<boolean> {
  if ((await runGit(top, ["merge-base", "--is-ancestor", commit, next])).ok) return true;
  const refs = await runGit(top, ["for-each-ref", "--count=1", `--contains=${commit}`]);
  return refs.ok && refs.stdout.length > 0;
}

async function applyDiff(
  top: string,
  { files, git }: CheckpointState,
  isPast: boolean,
): Promise<WorktreeChange> {
  const diff = files?.diff ?? null;
  if (diff === "") return { outcome: "restored", findings: [] };
  if (diff === null) {
    const changes = git?.diffHash
      ? "Uncommitted changes are not restored"
      : "Nothing is known of uncommitted changes";
    return none(`${changes}: ${whyNone(files)}`);
  }
  // What could be taken out again is there: it was committed since.
  if (isPast && (await runGit(top, ["apply", "--binary", "--check", "--reverse", "-"], { input: diff })).ok)
    return kept("The uncommitted changes have been committed since: nothing was touched.");
  const plain = await runGit(top, ["apply", "--binary", "-"], { input: diff });
  if (plain.ok) return { outcome: "restored", findings: [] };
  // It also looks at the versions that the diff was made from; it leaves marks where both sides changed.
  const merged = await runGit(top, ["apply", "--binary", "--3way", "-"], { input: diff });
  // The worktree was clean: taking all of it back loses nothing. Else, new files are to be untracked again.
  await runGit(top, merged.ok ? ["reset", "--quiet"] : ["reset", "--quiet", "--hard"]);
  return merged.ok
    ? { outcome: "restored", findings: [] }
    : none(`The uncommitted changes do not fit here: ${plain.error}`);
}

function whyNone(files: CheckpointState["files"]): string {
  if (files?.["diffRedacted"] === true) return "they hold a secret, and stayed where they were.";
  const why = files?.["diffOmitted"];
  if (why === "too_large") return "they are too large to be carried.";
  return why === "encoding" ? "they are in an encoding that cannot be carried." : "git did not tell them.";
}
