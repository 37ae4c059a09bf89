import { setTimeout as wait } from "node:timers/promises";
import { isAlive, readAttempts } from "./attempts.ts";
import { createDemoApi } from "./api.ts";
import { startDemoCloud } from "./demo-cloud.ts";
import { SESSIONS_PER_HOST, startDemoHost } from "./demo-host.ts";
import type { DemoHost } from "./demo-host.ts";
import type { DemoFolder } from "./folder.ts";
import { planTasks } from "./plan.ts";
import { makeRepository } from "./repository.ts";
import { formatList } from "./story.ts";
import type { Story } from "./story.ts";
import { gatherEvidence, judge } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";
import { createWatch } from "./watch.ts";
import type { View } from "./watch.ts";
import { superviseRun } from "./supervise-run.ts";

export type RunParts = {
  readonly seed: number;
  readonly folder: DemoFolder;
  readonly story: Story;
  readonly signal: AbortSignal;
};

const HOSTS = ["alpha", "beta"];
/** Since the start. Past this the run has failed; what it found until then is still counted. */
const RUN_LIMIT_MS = 110_000;
const GONE_WITHIN_MS = 5_000;
const GONE_POLL_MS = 50;

/** One whole run. Throws if it cannot be carried out, or `signal` ends it; nothing it started goes on afterwards. */
export async function runDemo({ seed, folder, story, signal }: RunParts): Promise<Verdict> {
  story(`Seed ${seed}: the same one makes the same choices again. Everything is below ${folder.path}`);
  const [cloud, repository] = await Promise.all([
    startDemoCloud(folder.state, folder.log("cloud")),
    makeRepository(folder.path),
  ]);
  const hosts = new Map<string, DemoHost>();
  const everStarted: DemoHost[] = [];
  const processes = () => [{ name: "the cloud", pid: cloud.pid }, ...everStarted];
  try {
    story(`The embedded cloud answers at ${cloud.url} (its Redis is ${cloud.redis})`);
    story(
      `A git repository of this project's ${repository.files.length} files, commit ${repository.commit.slice(0, 8)}`,
    );
    const api = createDemoApi(cloud.url, cloud.adminKey);
    const submitted = (await api.submit(planTasks())).map(({ id }) => id);
    story(`Submitted ${submitted.length} tasks: ${describeTypes(planTasks())}`);
    const start = (name: string) => {
      const host = startDemoHost(name, folder, cloud);
      hosts.set(name, host);
      everStarted.push(host);
      return host;
    };
    const pids = HOSTS.map((name) => `${name} (pid ${start(name).pid})`);
    story(`Started the hosts ${formatList(pids)} with ${SESSIONS_PER_HOST} sessions each`);

    const watch = createWatch({ api, folder, story });
    const limit = AbortSignal.any([signal, AbortSignal.timeout(RUN_LIMIT_MS - story.elapsedMs())]);
    await superviseRun({
      cloud,
      hosts,
      watch,
      attempts: folder.attempts,
      story,
      seed,
      signal: limit,
      start,
    }).catch((error: unknown) => {
      signal.throwIfAborted();
      // What is missing is what the verdict says.
      if (limit.aborted) story(`Not done after ${RUN_LIMIT_MS} ms: ${describeOpen(watch.view())}`);
      else throw error;
    });
    await Promise.all([...hosts.values()].map((host) => host.stop()));
    const { tasks } = await watch.look();
    const completed = tasks.filter(({ state }) => state === "completed").map(({ id }) => id);
    const evidence = await gatherEvidence(folder.repository, submitted);
    await cloud.close();
    await checkNothingRuns(processes(), folder);
    story("Both hosts and the cloud have ended; nothing is left running");
    return judge({ completed, evidence, crashes: watch.crashes, wallMs: story.elapsedMs() });
  } finally {
    // After a failure or Ctrl-C: at once.
    await Promise.all([...hosts.values()].map((host) => host.kill()));
    await cloud.close();
    await checkNothingRuns(processes(), folder);
  }
}

async function checkNothingRuns(
  hosts: readonly { readonly name: string; readonly pid: number }[],
  folder: DemoFolder,
): Promise<void> {
  // An attempt is the leader of its process group: its own children count too.
  const attempts = readAttempts(folder.attempts).map(({ task, fence, pid }) => ({
    name: `${task}, fence ${fence}`,
    pid: -pid,
  }));
  const untilMs = performance.now() + GONE_WITHIN_MS;
  for (;;) {
    const left = [...hosts, ...attempts].filter(({ pid }) => isAlive(pid));
    if (left.length === 0) return;
    if (performance.now() > untilMs) {
      throw new Error(
        `Still running at the end: ${formatList(left.map(({ name, pid }) => `${name} (${pid})`))}.`,
      );
    }
    await wait(GONE_POLL_MS);
  }
}

/** `5 count, 3 test and 1 report`. */
function describeTypes(tasks: readonly { readonly type: string }[]): string {
  const counts = new Map<string, number>();
  for (const { type } of tasks) counts.set(type, (counts.get(type) ?? 0) + 1);
  return formatList([...counts].map(([type, count]) => `${count} ${type}`));
}

function describeOpen({ tasks }: View): string {
  const open = tasks.filter(({ state }) => state !== "completed");
  return formatList(open.map(({ id, state }) => `${id} is ${state}`)) || "every task is completed";
}
