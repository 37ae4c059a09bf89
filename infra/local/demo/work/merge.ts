import { setTimeout as wait } from "node:timers/promises";
import { git } from "../git.ts";
import { PUBLISH_PREFIX } from "../repository.ts";
import { NotYetError } from "./not-yet.ts";
import type { DemoTask, Work } from "./work.ts";

/** A task is completed a moment before its commit is published, and if its host dies there, some seconds before. */
const PUBLISHED_WITHIN_MS = 15_000;
const POLL_MS = 50;

/** Merges what the tasks that this one depends on published. */
export const mergeDependencies: Work = async (task, worktree) => {
  const merged = await mergePublished(task, worktree);
  return { summary: `${merged} published commits merged`, merged };
};

/** Merges the published commit of every dependency into the worktree, and says how many. Conflicts are errors. */
export async function mergePublished({ dependsOn }: DemoTask, worktree: string): Promise<number> {
  const commits: string[] = [];
  for (const dependency of dependsOn) commits.push(await findPublished(worktree, dependency));
  await git(worktree, "merge", "--quiet", "--no-edit", "--no-ff", ...commits);
  return commits.length;
}

async function findPublished(worktree: string, task: string): Promise<string> {
  const untilMs = performance.now() + PUBLISHED_WITHIN_MS;
  for (;;) {
    const listed = await git(
      worktree,
      "for-each-ref",
      "--format=%(objectname)",
      `${PUBLISH_PREFIX}/${task}/`,
    );
    const [commit, ...others] = listed.split("\n").filter(Boolean);
    if (others.length > 0) throw new Error(`${task} was published ${others.length + 1} times.`);
    if (commit !== undefined) return commit;
    if (performance.now() > untilMs) {
      throw new NotYetError(`${task} has published nothing within ${PUBLISHED_WITHIN_MS} ms.`);
    }
    await wait(POLL_MS);
  }
}
