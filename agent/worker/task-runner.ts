import type { SessionBeat } from "../../shared/contract/heartbeat.ts";
import type { HeldTask } from "../../shared/contract/session.ts";
import { ApiError, codeOf, isTransient, messageOf } from "../problem.ts";
import type { AgentApi } from "./agent-api.ts";
import type { Attempt, StartAttempt } from "./attempt.ts";
import type { ProgressLine } from "./command-output.ts";
import type { Life } from "./life.ts";
import type { WorkerLog } from "./log.ts";
import { createProgressPoster } from "./progress-poster.ts";
import { type AfterTask, giveBack, type Say, settleAttempt, type SettlementParts } from "./settle-attempt.ts";

/** Runs one task at a time for a session, from its claim to its outcome. */
export type TaskRunner = {
  run(held: HeldTask, life: Life): Promise<AfterTask>;
  /** Gives back a task that was claimed and not started. */
  giveBack(held: HeldTask, life: Life): Promise<void>;
  /** The task under way, as a beat reports it, and what its agent says of itself. */
  report(): Pick<SessionBeat, "activity" | "signals"> & Required<Pick<SessionBeat, "tasks">>;
  extendLease(untilMs: number): void;
  /** Kills the task under way, if there is one and it is of this fence. */
  abort(why: string, task?: { readonly taskId: string; readonly fence: number }): void;
};

export type TaskRunnerParts = SettlementParts & {
  readonly session: string;
  readonly startAttempt: StartAttempt;
  readonly log: WorkerLog;
};

type Current = { readonly held: HeldTask; attempt: Attempt; progress: ProgressLine | null };

export function createTaskRunner(parts: TaskRunnerParts): TaskRunner {
  const { api } = parts;
  let current: Current | null = null;

  const abort: TaskRunner["abort"] = (why, task) => {
    if (current === null) return;
    const { held, attempt } = current;
    if (task && (task.taskId !== held.task.id || task.fence !== held.fence)) return;
    attempt.abort(why);
  };

  return {
    abort,
    extendLease: (untilMs) => current?.attempt.extendLease(untilMs),
    report() {
      if (current === null) return { activity: "idle", tasks: [] };
      const { held, attempt, progress } = current;
      const { percent, message } = progress ?? {};
      const signals = attempt.health?.signals();
      const task = {
        id: held.task.id,
        fence: held.fence,
        ...(percent === undefined ? {} : { percent }),
        ...(message ? { message } : {}),
      };
      return {
        activity: attempt.health?.activity() ?? "working",
        ...(signals && { signals }),
        tasks: [task],
      };
    },

    giveBack: (held, life) => giveBack({ ...parts, held, life, say: sayOf(parts, held) }),

    async run(held, life) {
      const say = sayOf(parts, held);
      const poster = createProgressPoster((progress) => postProgress(api, held, life, progress, abort));
      const attempt = parts.startAttempt(held, life, (progress) => {
        if (current) current.progress = progress;
        poster.update(progress);
      });
      current = { held, attempt, progress: null };
      const onOver = () => {
        attempt.abort(String(life.over.reason));
      };
      life.over.addEventListener("abort", onOver);
      if (life.over.aborted) onOver();
      say("started", { attempt: held.task.attempt, type: held.task.type });
      try {
        const end = await attempt.ended;
        poster.stop();
        return await settleAttempt({ ...parts, held, life, say }, end);
      } finally {
        poster.stop();
        life.over.removeEventListener("abort", onOver);
        await attempt.dispose().catch((error: unknown) => {
          say("could not be cleaned up", { why: messageOf(error) });
        });
        current = null;
      }
    },
  };
}

function sayOf({ log, session }: TaskRunnerParts, held: HeldTask): Say {
  return (what, fields = {}) => {
    log(what, { session, task: held.task.id, fence: held.fence, ...fields });
  };
}

/** Progress is a courtesy, so its failures are not: unless they say that the task is not ours any more. */
async function postProgress(
  api: AgentApi,
  held: HeldTask,
  life: Life,
  progress: ProgressLine,
  abort: TaskRunner["abort"],
): Promise<void> {
  const { percent, message } = progress;
  try {
    await api.progress(held.task.id, life.token(), {
      fence: held.fence,
      percent,
      ...(message ? { message } : {}),
    });
  } catch (error) {
    const code = codeOf(error);
    if (code === "session.superseded") life.finish({ kind: "restart", why: code });
    else if (error instanceof ApiError && error.problem.status === 409 && !isTransient(error)) {
      abort(error.problem.code, { taskId: held.task.id, fence: held.fence });
    }
  }
}
