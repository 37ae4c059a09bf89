import * as z from "zod/mini";
import type { Crash } from "./crash.ts";
import { git } from "./git.ts";
import { readEffects } from "./repository.ts";
import type { Effect } from "./repository.ts";
import { formatList } from "./story.ts";

/** The last line of `npm run demo -- --json`. */
export type Verdict = {
  readonly submitted: number;
  readonly completed: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly crashes: number;
  readonly recovered: number;
  readonly wallMs: number;
};

/** What the repository says about one task that was submitted. */
export type Evidence = {
  readonly task: string;
  readonly effects: readonly Effect[];
  readonly sound: boolean;
};

const CRASHES_PROMISED = 2;
const WALL_LIMIT_MS = 120_000;
const Result = z.object({ task: z.string(), fence: z.int() });

/**
 * Counts each task's published effects in the repository. An effect is sound if its commit holds the task's
 * result, written under the fence that the ref names.
 */
export async function gatherEvidence(repository: string, submitted: readonly string[]): Promise<Evidence[]> {
  const effects = await readEffects(repository);
  const strange = effects.filter(({ task }) => !submitted.includes(task));
  if (strange.length > 0) {
    throw new Error(`Published, and never submitted: ${formatList(strange.map(({ task }) => task))}.`);
  }
  return await Promise.all(
    submitted.map(async (task) => {
      const own = effects.filter((effect) => effect.task === task);
      const checks = await Promise.all(own.map((effect) => isSound(repository, effect)));
      return { task, effects: own, sound: checks.every(Boolean) };
    }),
  );
}

async function isSound(repository: string, { task, fence, commit }: Effect): Promise<boolean> {
  const text = await git(repository, "show", `${commit}:results/${task}.json`).catch(() => "null");
  const result = Result.safeParse(JSON.parse(text));
  return result.success && result.data.task === task && result.data.fence === fence;
}

export function judge(input: {
  /** By the record, at the end. */
  readonly completed: readonly string[];
  readonly evidence: readonly Evidence[];
  readonly crashes: readonly Crash[];
  readonly wallMs: number;
}): Verdict {
  const completed = new Set(input.completed);
  const { evidence, crashes } = input;
  const isLost = ({ task, effects, sound }: Evidence) =>
    !completed.has(task) || effects.length === 0 || !sound;
  return {
    submitted: evidence.length,
    completed: evidence.filter(({ task }) => completed.has(task)).length,
    lost: evidence.filter(isLost).length,
    duplicated: evidence.filter(({ effects }) => effects.length > 1).length,
    crashes: crashes.length,
    recovered: crashes.filter(
      ({ noticedAfterMs, held }) =>
        noticedAfterMs !== undefined && held.every(({ task }) => completed.has(task)),
    ).length,
    wallMs: input.wallMs,
  };
}

/** Which promises are broken, one line each. */
export function listBrokenPromises(verdict: Verdict): string[] {
  const { submitted, completed, lost, duplicated, crashes, recovered, wallMs } = verdict;
  const broken: [boolean, string][] = [
    [completed !== submitted, `${submitted - completed} of ${submitted} tasks were not completed`],
    [lost > 0, `${lost} tasks were lost: not completed, or nothing of them is in the repository`],
    [duplicated > 0, `${duplicated} tasks were published more than once`],
    [crashes < CRASHES_PROMISED, `only ${crashes} sessions crashed, ${CRASHES_PROMISED} were promised`],
    [recovered !== crashes, `${crashes - recovered} of ${crashes} crashed sessions were not recovered`],
    [wallMs >= WALL_LIMIT_MS, `it took ${wallMs} ms, over ${WALL_LIMIT_MS} ms`],
  ];
  return broken.filter(([is]) => is).map(([, line]) => line);
}
