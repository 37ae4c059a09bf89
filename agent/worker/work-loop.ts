import type { HeldTask } from "../../shared/contract/session.ts";
import { codeOf, messageOf } from "../problem.ts";
import type { AgentApi } from "./agent-api.ts";
import { createBell } from "./bell.ts";
import type { Heart } from "./heart.ts";
import type { Ending, Life } from "./life.ts";
import type { WorkerLog } from "./log.ts";
import { monotonicMs } from "./monotonic.ts";
import type { Restarts } from "./restart-policy.ts";
import type { TaskRunner } from "./task-runner.ts";

/** A session's work: claims tasks and runs them, one at a time, so that no claim is ever started twice. */
export type WorkLoop = {
  /** Works until this start of the session is over. */
  work(life: Life): Promise<Ending>;
  /** Something is assigned: claim it when nothing runs. */
  readonly claimSoon: () => void;
  /** A beat was acknowledged: whoever waited for one to claim again may do so. */
  beatAcknowledged(): void;
  /** Looks again at its lease, its ending, and what is due. */
  wake(): void;
};

export type WorkLoopParts = {
  readonly session: string;
  readonly api: AgentApi;
  readonly heart: Heart;
  readonly runner: TaskRunner;
  readonly restarts: Restarts;
  readonly log: WorkerLog;
};

export function createWorkLoop(parts: WorkLoopParts, drained: AbortSignal): WorkLoop {
  const { session, api, heart, runner, log } = parts;
  const bell = createBell();
  let claimDue = false;
  let claimAfterBeat = false;

  function claimSoon(): void {
    claimDue = true;
  }

  async function claim(life: Life): Promise<readonly HeldTask[]> {
    claimDue = false;
    try {
      return await api.claim(session, life.token(), 1, life.over);
    } catch (error) {
      const code = codeOf(error);
      if (code === "session.superseded" || code === "session.ended")
        life.finish({ kind: "restart", why: code });
      else if (!life.over.aborted) log("claim failed", { session, why: messageOf(error) });
      claimAfterBeat = true;
      return [];
    }
  }

  /** What the server gave along with the answer to the task's end, if anything. */
  async function run(held: HeldTask, life: Life): Promise<readonly HeldTask[]> {
    const after = await runner.run(held, life);
    if (after.completed) parts.restarts.succeeded();
    claimDue = after.claim === "now";
    claimAfterBeat = after.claim === "after a beat";
    if (claimAfterBeat) heart.beatSoon();
    return after.next ? [after.next] : [];
  }

  async function work(life: Life): Promise<Ending> {
    let waiting: readonly HeldTask[] = [];
    claimSoon();
    claimAfterBeat = false;
    for (;;) {
      const ending = life.ending();
      if (ending) return ending;
      if (drained.aborted) {
        for (const unstarted of waiting) await runner.giveBack(unstarted, life);
        return { kind: "drained" };
      }
      const [held, ...others] = waiting;
      // Without a lease nothing may start; the next acknowledged beat rings.
      if (life.leaseUntilMs() <= monotonicMs()) await bell.wait();
      else if (held) waiting = [...(await run(held, life)), ...others];
      else if (claimDue) waiting = await claim(life);
      else await bell.wait();
    }
  }

  return {
    work,
    claimSoon,
    beatAcknowledged() {
      if (claimAfterBeat) claimSoon();
      claimAfterBeat = false;
    },
    wake: () => {
      bell.ring();
    },
  };
}
