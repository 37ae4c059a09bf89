import type { Session } from "../../../shared/contract/session.ts";
import type { Task } from "../../../shared/contract/task.ts";
import { readAttempts } from "./attempts.ts";
import type { Attempt } from "./attempts.ts";
import type { DemoApi } from "./api.ts";
import type { Crash } from "./crash.ts";
import type { DemoFolder } from "./folder.ts";
import { publishEffect, readEffects } from "./repository.ts";
import { formatSeconds } from "./story.ts";
import type { Story } from "./story.ts";
import { TaskResult } from "./task-result.ts";

/** The fleet at one moment, as the public API and the attempts' own notes show it. */
export type View = {
  readonly tasks: readonly Task[];
  readonly sessions: readonly Session[];
  readonly attempts: readonly Attempt[];
};

export type Watch = {
  /** Looks again (or waits for the look under way), tells what is new, and keeps `crashes` up to date. */
  look(): Promise<View>;
  /** The last view. */
  view(): View;
  /** From now on this session's end is looked for. */
  expect(crash: Crash): void;
  readonly crashes: readonly Crash[];
  /** From now on, publishes what these attempts completed and their host did not live to publish. */
  publishFor(attempts: readonly Attempt[]): void;
};

export type WatchParts = { readonly api: DemoApi; readonly folder: DemoFolder; readonly story: Story };

export function createWatch({ api, folder, story }: WatchParts): Watch {
  let view: View = { tasks: [], sessions: [], attempts: [] };
  const crashes: Crash[] = [];
  const orphans = new Set<string>();
  const told = new Set<string>();
  const once = (key: string, line: string) => {
    if (!told.has(key)) story(line);
    told.add(key);
  };

  function tellTasks(): void {
    for (const task of view.tasks) {
      if (task.state === "completed") {
        const { host, fence, summary } = TaskResult.parse(task.result);
        once(task.id, `${host.padEnd(5)}  ${task.id}: ${summary} (fence ${fence})`);
      } else if (task.state === "failed") {
        once(task.id, `${task.id} failed: ${task.error?.message ?? "it is not known why"}`);
      }
    }
  }

  function tellCrashes(): void {
    for (const crash of crashes) {
      const session = view.sessions.find(({ id }) => id === crash.session);
      if (session && hasMoved(session, crash)) {
        crash.noticedAfterMs ??= story.elapsedMs() - crash.atMs;
        once(
          `${crash.session} ${crash.epoch}`,
          `${crash.session} given up after ${formatSeconds(crash.noticedAfterMs)}; its epoch ${crash.epoch} counts no more`,
        );
      }
      for (const { task, fence } of crash.held) {
        const again = view.attempts.find((attempt) => attempt.task === task && attempt.fence > fence);
        if (again)
          once(`${task} ${again.fence}`, `${task} runs again on ${again.host}, fence ${again.fence}`);
      }
    }
  }

  /** Nobody else would: the attempts' host is dead, and their tasks are completed, so nobody runs them again. */
  async function publishLeftovers(): Promise<void> {
    if (orphans.size === 0) return;
    const published = new Set((await readEffects(folder.repository)).map(({ task }) => task));
    for (const { id, state, result } of view.tasks) {
      if (state !== "completed" || published.has(id)) continue;
      const { host, fence, commit } = TaskResult.parse(result);
      if (!orphans.has(`${id}.${fence}`)) continue;
      await publishEffect(folder.repository, { task: id, fence, commit });
      story(
        `${host} died between completing ${id} and publishing it: published from the record, fence ${fence}`,
      );
    }
  }

  let underWay: Promise<View> | undefined;
  async function lookNow(): Promise<View> {
    const [tasks, sessions] = await Promise.all([api.tasks(), api.sessions()]);
    view = { tasks, sessions, attempts: readAttempts(folder.attempts) };
    tellTasks();
    tellCrashes();
    await publishLeftovers();
    return view;
  }

  return {
    crashes,
    view: () => view,
    expect: (crash) => void crashes.push(crash),
    publishFor: (attempts) => {
      for (const attempt of attempts) orphans.add(`${attempt.task}.${attempt.fence}`);
    },
    async look() {
      underWay ??= lookNow().finally(() => (underWay = undefined));
      return await underWay;
    },
  };
}

/** Whether the control plane knows that this start of the session is over. */
function hasMoved(session: Session, crash: Crash): boolean {
  return session.epoch > crash.epoch || session.state === "recovering" || session.state === "crashed";
}
