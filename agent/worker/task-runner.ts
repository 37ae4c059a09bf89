import type { SessionBeat } from "../../shared/contract/heartbeat.ts";
import type { HeldTask } from "../../shared/contract/session.ts";
import { ApiError, codeOf, isTransient, messageOf } from "../problem.ts";
import type { AgentApi, TaskReport } from "./agent-api.ts";
import type { Attempt, AttemptEnd, StartAttempt } from "./attempt.ts";
import type { ProgressLine } from "./command-output.ts";
import type { Life } from "./life.ts";
import type { WorkerLog } from "./log.ts";
import { createProgressPoster } from "./progress-poster.ts";
import { reportOutcome } from "./report-outcome.ts";
import type { Tally } from "./tally.ts";
import type { Worktrees } from "./worktrees.ts";

/** What a session does after a task: run `next`, or claim, now or once a beat proved that it still may. */
export type AfterTask = {
  readonly next: HeldTask | null;
  readonly claim: "now" | "after a beat";
  /** Whether the task was completed, and the server took it. */
  readonly completed: boolean;
};

/** Runs one task at a time for a session, from its claim to its outcome. */
export type TaskRunner = {
  run(held: HeldTask, life: Life): Promise<AfterTask>;
  /** Gives back a task that was claimed and not started. */
  giveBack(held: HeldTask, life: Life): Promise<void>;
  /** The task under way, as a beat reports it. */
  report(): NonNullable<SessionBeat["tasks"]>;
  extendLease(untilMs: number): void;
  /** Kills the task under way, if there is one and it is of this fence. */
  abort(why: string, task?: { readonly taskId: string; readonly fence: number }): void;
};

export type TaskRunnerParts = {
  readonly session: string;
  readonly api: AgentApi;
  readonly startAttempt: StartAttempt;
  readonly worktrees: Worktrees | null;
  readonly publishPrefix: string | null;
  readonly tally: Tally;
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
      if (current === null) return [];
      const { held, progress } = current;
      const { percent, message } = progress ?? {};
      return [
        {
          id: held.task.id,
          fence: held.fence,
          ...(percent === undefined ? {} : { percent }),
          ...(message ? { message } : {}),
        },
      ];
    },

    giveBack: (held, life) => release(parts, held, life, sayOf(parts, held)),

    async run(held, life) {
      const say = sayOf(parts, held);
      const poster = createProgressPoster((progress) => postProgress(api, held, life, progress, abort));
      const attempt = parts.startAttempt(held, life.leaseUntilMs, (progress) => {
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
        return await settle(parts, held, life, end, say);
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

type Say = (what: string, fields?: Record<string, string | number>) => void;

function sayOf({ log, session }: TaskRunnerParts, held: HeldTask): Say {
  return (what, fields = {}) => {
    log(what, { session, task: held.task.id, fence: held.fence, ...fields });
  };
}

async function settle(
  parts: TaskRunnerParts,
  held: HeldTask,
  life: Life,
  end: AttemptEnd,
  say: Say,
): Promise<AfterTask> {
  switch (end.kind) {
    case "crashed":
      life.finish(end);
      say("crashed", { signal: end.signal });
      return { next: null, claim: "now", completed: false };
    case "aborted":
      say("stopped", { why: end.why });
      // The server may believe that it still runs here: a new epoch returns it.
      if (end.why === "lease") life.finish({ kind: "restart", why: "its lease ran out" });
      if (end.why === "released" || end.why === "task.cancelled") await release(parts, held, life, say);
      return { next: null, claim: "after a beat", completed: false };
    case "completed":
    case "failed":
      return await tell(parts, held, life, end, say);
  }
}

async function tell(
  parts: TaskRunnerParts,
  held: HeldTask,
  life: Life,
  end: Extract<AttemptEnd, { kind: "completed" | "failed" }>,
  say: Say,
): Promise<AfterTask> {
  const reported = await reportOutcome(parts.api, {
    taskId: held.task.id,
    report: describeOutcome(held, end),
    token: life.token,
    signal: life.over,
    onRetry: (why) => {
      say("outcome could not be delivered yet", { why });
    },
  });
  if (reported.kind === "dropped") {
    parts.tally.dropped += 1;
    say("outcome dropped, nothing of it is published", { why: reported.why });
    if (!reported.settled) life.finish({ kind: "restart", why: reported.why });
    if (reported.why === "task.cancelled") await release(parts, held, life, say);
    return { next: null, claim: "after a beat", completed: false };
  }
  if (end.kind === "failed") {
    parts.tally.failed += 1;
    say("failed", {
      code: end.code,
      retryable: String(end.retryable),
      why: end.message.split("\n", 1)[0] ?? "",
    });
  } else {
    parts.tally.completed += 1;
    say("completed");
    await publish(parts, held, end.commit, say);
  }
  return { next: reported.next, claim: "now", completed: end.kind === "completed" };
}

function describeOutcome(
  held: HeldTask,
  end: Extract<AttemptEnd, { kind: "completed" | "failed" }>,
): TaskReport {
  const { fence } = held;
  if (end.kind === "failed") {
    return {
      route: "fail",
      body: { fence, error: { message: end.message, code: end.code }, retryable: end.retryable },
    };
  }
  return {
    route: "complete",
    body: { fence, result: end.result, ...(end.commit === null ? {} : { evidence: { commit: end.commit } }) },
  };
}

/** Only called once the server accepted the outcome: a stale attempt never reaches this. */
async function publish(
  parts: TaskRunnerParts,
  held: HeldTask,
  commit: string | null,
  say: Say,
): Promise<void> {
  if (commit === null || parts.worktrees === null || parts.publishPrefix === null) return;
  try {
    const { ref, outcome } = await parts.worktrees.publish(
      parts.publishPrefix,
      held.task.id,
      held.fence,
      commit,
    );
    say(outcome, { ref, commit });
  } catch (error) {
    say(`completed, but commit ${commit} could not be published; it is still in the repository`, {
      why: messageOf(error),
    });
  }
}

/** Gives a task back; of a cancelled one, says that it has stopped. */
async function release(parts: TaskRunnerParts, held: HeldTask, life: Life, say: Say): Promise<void> {
  try {
    const body = { fence: held.fence, reason: "the worker stopped it" };
    const { task } = await parts.api.release(held.task.id, life.token(), body);
    if (task.state !== "cancelled") parts.tally.released += 1;
  } catch (error) {
    // A beat that does not list it, or the end of the session, says the same later.
    say("could not be released", { why: messageOf(error) });
  }
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
