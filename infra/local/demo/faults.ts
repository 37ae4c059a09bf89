import type { Task } from "../../../shared/contract/task.ts";
import { isAlive, readAttempts } from "./attempts.ts";
import type { Attempt } from "./attempts.ts";
import type { DemoCloud } from "./demo-cloud.ts";
import type { DemoHost } from "./demo-host.ts";
import { SESSIONS_PER_HOST } from "./demo-host.ts";
import { eventually, pause } from "./eventually.ts";
import type { Random } from "./random.ts";
import { formatList } from "./story.ts";
import type { Story } from "./story.ts";
import { TaskResult } from "./task-result.ts";
import type { View, Watch } from "./watch.ts";

export type FaultParts = {
  readonly cloud: DemoCloud;
  readonly hosts: Map<string, DemoHost>;
  readonly watch: Watch;
  /** Where attempts note themselves. */
  readonly attempts: string;
  readonly random: Random;
  readonly story: Story;
  readonly signal: AbortSignal;
};

/**
 * After how many completed tasks each fault may come: early, in the middle, late, and always while work is left. The last tasks depend
 * on all others, so that whoever comes after the twentieth may find nobody at work.
 */
const MOMENTS = [
  [2, 5],
  [7, 10],
  [11, 14],
] as const;
const LATER_LIMIT_MS = 1_000;
/** Types that run long enough for a process to be found and killed in the middle of them. */
const LONG_TYPES: ReadonlySet<string> = new Set(["typecheck", "lint", "test"]);
/** How long the best moment is waited for (a long task, both sessions busy) before the next best will do. */
const BEST_WITHIN_MS = 3_000;

/** Each fault once, at moments and in an order chosen by the seed. Resolves when the last has struck. */
export async function injectFaults(parts: FaultParts): Promise<void> {
  const { random, watch, signal } = parts;
  const faults = random.shuffle([killTaskProcess, killHost, wipeRedis]);
  for (const [index, [from, to]] of MOMENTS.entries()) {
    const completed = random.between(from, to);
    const laterMs = random.between(0, LATER_LIMIT_MS);
    const choice = random.between(0, 1_000);
    await eventually(signal, () => countCompleted(watch.view()) >= completed || undefined);
    await pause(laterMs, signal);
    await faults[index]?.(parts, choice);
  }
}

type Fault = (parts: FaultParts, choice: number) => Promise<void>;

const killTaskProcess: Fault = async ({ watch, story, signal }, choice) => {
  const untilMs = performance.now() + BEST_WITHIN_MS;
  await eventually(signal, async () => {
    const view = await watch.look();
    const anyWillDo = performance.now() >= untilMs;
    const running = listRunning(view).filter(({ task }) => anyWillDo || LONG_TYPES.has(task.type));
    const victim = running[choice % running.length];
    const session = view.sessions.find(({ id }) => id === victim?.task.sessionId);
    if (!victim || session?.state !== "live") return undefined;
    const { task, fence, pid, host } = victim.attempt;
    if (!killProcess(pid)) return undefined;
    story(`SIGKILL the process of ${task} (pid ${pid}, ${session.id} on ${host}, fence ${fence})`);
    const crash = {
      session: session.id,
      epoch: session.epoch,
      atMs: story.elapsedMs(),
      held: [{ task, fence }],
    };
    const struck = await eventually(signal, async () => hasStruck(await watch.look(), session, task, fence));
    if (!struck) story(`${task} had ended by itself just before: another one`);
    if (struck) watch.expect(crash);
    return struck || undefined;
  });
};

/** Whether the kill ended the session's start; false if the task was finished first; undefined while unknown. */
function hasStruck(
  { tasks, sessions }: View,
  before: { readonly id: string; readonly epoch: number },
  task: string,
  fence: number,
): boolean | undefined {
  const session = sessions.find(({ id }) => id === before.id);
  // Only once it lives again, so that the next fault finds the host whole.
  if (session?.state === "live" && session.epoch > before.epoch) return true;
  const { state, result } = tasks.find(({ id }) => id === task) ?? {};
  return state === "completed" && TaskResult.parse(result).fence === fence ? false : undefined;
}

const killHost: Fault = async ({ hosts, watch, attempts, story, signal }, choice) => {
  const names = [...hosts.keys()];
  if (names.length === 0) throw new Error("There is no host to kill: this is a bug of the demo.");
  const untilMs = performance.now() + BEST_WITHIN_MS;
  let looks = 0;
  await eventually(signal, async () => {
    // The chosen one first; then whichever is at work.
    const turn = performance.now() < untilMs ? choice : choice + looks++;
    const host = hosts.get(names[turn % names.length] ?? "");
    if (!host) return undefined;
    const view = await watch.look();
    const live = view.sessions.filter(({ host: name, state }) => name === host.name && state === "live");
    const held = listRunning(view).filter(({ task }) => live.some(({ id }) => id === task.sessionId));
    const enough = performance.now() < untilMs ? SESSIONS_PER_HOST : 1;
    if (live.length < SESSIONS_PER_HOST || held.length < enough) return undefined;
    await host.kill();
    const tasks = held.map(({ task }) => task.id);
    story(
      `SIGKILL the supervisor of host ${host.name} (pid ${host.pid}, ${live.length} sessions, with ${formatList(tasks)})`,
    );
    for (const { id, epoch } of live) {
      const own = held.filter(({ task }) => task.sessionId === id);
      watch.expect({
        session: id,
        epoch,
        atMs: story.elapsedMs(),
        held: own.map(({ attempt }) => ({ task: attempt.task, fence: attempt.fence })),
      });
    }
    hosts.delete(host.name);
    watch.publishFor(readAttempts(attempts).filter((attempt) => attempt.host === host.name));
    return true;
  });
};

const wipeRedis: Fault = async ({ cloud, watch, story, signal }) => {
  await eventually(signal, async () => {
    const { tasks } = await watch.look();
    const running = tasks.filter(({ state }) => state === "running" || state === "assigned").length;
    const waiting = tasks.filter(({ state }) => state === "queued" || state === "blocked").length;
    if (running === 0 || waiting === 0) return undefined;
    await cloud.wipeRedis();
    story(
      `Redis wiped (FLUSHALL): every deadline and queue is gone, with ${running} tasks held and ${waiting} waiting`,
    );
    return true;
  });
};

/** Tasks that are running by the record, each with the process that runs it now. */
function listRunning({ tasks, attempts }: View): { readonly task: Task; readonly attempt: Attempt }[] {
  return tasks.flatMap((task) => {
    if (task.state !== "running") return [];
    const [attempt] = attempts.filter((note) => note.task === task.id).sort((a, b) => b.fence - a.fence);
    return attempt && isAlive(attempt.pid) ? [{ task, attempt }] : [];
  });
}

function countCompleted({ tasks }: View): number {
  return tasks.filter(({ state }) => state === "completed").length;
}

/** False if it is gone already. */
function killProcess(pid: number): boolean {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
