// What the demo's hosts run for each task: works in its worktree, commits what it made, and says which commit.
import { readFileSync, mkdirSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import path from "node:path";
import * as z from "zod/mini";
import { reasonOf } from "../start-error.ts";
import { noteAttempt } from "./attempts.ts";
import { git } from "./git.ts";
import type { TaskResult } from "./task-result.ts";
import { NotYetError } from "./work/not-yet.ts";
import type { DemoTask, Work } from "./work/work.ts";

/** EX_TEMPFAIL: trying again may help. */
const EXIT_RETRYABLE = 75;
/** Work yields to heartbeats, so that a machine with few cores does not lose leases to it. */
const NICENESS = 5;

const Environment = z.object({
  SHIM_TASK_FILE: z.string(),
  SHIM_RESULT_FILE: z.string(),
  SHIM_FENCE: z.coerce.number(),
  SHIM_DEMO_HOST: z.string(),
  SHIM_DEMO_ATTEMPTS: z.string(),
});
const TaskFile = z.object({
  id: z.string(),
  type: z.string(),
  data: z.object({ area: z._default(z.string(), ""), file: z._default(z.string(), "") }),
  dependsOn: z.array(z.string()),
});

/** Loaded when needed: a compiler takes longer to load than most tasks to do. */
const WORK: Readonly<Record<string, () => Promise<Work>>> = {
  count: async () => (await import("./work/count.ts")).countLines,
  typecheck: async () => (await import("./work/typecheck.ts")).typecheck,
  lint: async () => (await import("./work/lint.ts")).lint,
  test: async () => (await import("./work/test.ts")).runTests,
  transform: async () => (await import("./work/transform.ts")).transform,
  publish: async () => (await import("./work/merge.ts")).mergeDependencies,
  report: async () => (await import("./work/report.ts")).report,
};

async function run(): Promise<void> {
  const environment = z.parse(Environment, process.env);
  const task: DemoTask = z.parse(TaskFile, JSON.parse(readFileSync(environment.SHIM_TASK_FILE, "utf8")));
  const { SHIM_FENCE: fence, SHIM_DEMO_HOST: host } = environment;
  noteAttempt(environment.SHIM_DEMO_ATTEMPTS, {
    task: task.id,
    fence,
    host,
    pid: process.pid,
    startedMs: Date.now(),
  });
  setPriority(NICENESS);
  const load = WORK[task.type];
  if (!load) throw new Error(`There is no work of type ${task.type}.`);
  const work = await load();
  const worktree = process.cwd();
  const { summary, ...numbers } = await work(task, worktree);
  const file = path.join(worktree, "results", `${task.id}.json`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ task: task.id, fence, host, summary, ...numbers }, null, 2)}\n`);
  await git(worktree, "add", "--all");
  await git(worktree, "commit", "--quiet", `--message=${task.id}, fence ${fence}: ${summary}`);
  const result: TaskResult = { commit: await git(worktree, "rev-parse", "HEAD"), fence, host, summary };
  writeFileSync(environment.SHIM_RESULT_FILE, JSON.stringify(result));
}

try {
  await run();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : reasonOf(error)}\n`);
  process.exit(error instanceof NotYetError ? EXIT_RETRYABLE : 1);
}
