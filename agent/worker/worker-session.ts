import type { Command } from "../../shared/contract/heartbeat-answer.ts";
import { createLifeEnder } from "./end-life.ts";
import type { Beating, Heart } from "./heart.ts";
import type { Life } from "./life.ts";
import { createRestarts, type RestartLimits } from "./restart-policy.ts";
import { createLifeStarter, type LifeStarterParts } from "./start-life.ts";
import type { Tally } from "./tally.ts";
import type { TaskRunner } from "./task-runner.ts";
import type { WorkLoop, WorkLoopParts } from "./work-loop.ts";

/** One session of this host: registers, works through its tasks one at a time, and starts again after a crash. */
export type WorkerSession = Beating & {
  /** Resolves when it was drained. Throws if it may not be registered. */
  run(): Promise<void>;
  /** Finishes the task under way and takes no more. */
  readonly drain: () => void;
  /** Gives the task under way back, and takes no more. */
  releaseNow(): void;
};

export type WorkerSessionParts = LifeStarterParts & {
  readonly runner: SessionRunner;
  /** What it does while it lives, until it is drained. */
  readonly createLoop: (parts: LoopParts, drained: AbortSignal) => WorkLoop;
  readonly restartLimits: RestartLimits;
  readonly tally: Tally;
};

/** What a session has of whatever runs in it. */
export type SessionRunner = Pick<TaskRunner, "report" | "extendLease" | "abort">;
export type LoopParts = Omit<WorkLoopParts, "runner">;

/** Its lives, one after the other: each is started, worked through and ended, and beats may end it from outside. */
export function createWorkerSession(parts: WorkerSessionParts): WorkerSession {
  const { heart, runner } = parts;
  const { id } = parts.request;
  const drained = new AbortController();
  const shared = { ...parts, session: id, restarts: createRestarts(parts.restartLimits) };
  const loop = parts.createLoop(shared, drained.signal);
  const startLife = createLifeStarter(parts, drained.signal);
  const endLife = createLifeEnder(shared, drained.signal);
  let life: Life | null = null;

  return {
    id,
    describe() {
      if (life === null || life.ending() !== null) return null;
      const { version } = life.config();
      return { id, epoch: life.epoch, ...(version !== null && { config: version }), ...runner.report() };
    },
    acknowledged(epoch, sentAtMs, commands) {
      // A beat of an earlier start says nothing about this one.
      if (life?.epoch !== epoch) return;
      const superseded = commands.some((command) => command.type === "stop");
      if (!superseded) {
        life.extendLease(sentAtMs);
        runner.extendLease(life.leaseUntilMs());
      }
      loop.beatAcknowledged();
      for (const command of commands) obey(command, { life, loop, runner, heart, drained });
      loop.wake();
    },
    refused(epoch) {
      if (life?.epoch === epoch) life.finish({ kind: "restart", why: "the heartbeat was refused" });
      loop.wake();
    },
    drain() {
      drained.abort();
      loop.wake();
    },
    releaseNow() {
      drained.abort();
      runner.abort("released");
      loop.wake();
    },
    async run() {
      while (!drained.signal.aborted) {
        life = await startLife();
        if (life === null) return;
        const now = life;
        const ending = await loop.work(now);
        life = null;
        if (!(await endLife(now, ending))) return;
      }
    },
  };
}

type Commanded = {
  readonly life: Life;
  readonly loop: WorkLoop;
  readonly runner: SessionRunner;
  readonly heart: Heart;
  readonly drained: AbortController;
};

function obey(command: Command, { life, loop, runner, heart, drained }: Commanded): void {
  switch (command.type) {
    case "start":
      loop.claimSoon();
      return;
    case "cancel":
      runner.abort("task.cancelled", command);
      return;
    case "drain":
      drained.abort();
      return;
    case "restart":
      life.finish({ kind: "restart", why: "a restart was asked for" });
      return;
    case "stop":
      life.finish({ kind: "restart", why: command.reason });
      return;
    case "config":
      life.renew(command.token);
      heart.renew(command.hostToken);
      if (command.parameters && command.version !== undefined)
        life.configure(command.parameters, command.version);
      return;
    case "message":
    // A command of the command adapter has no ear for them: they stay unread, for whoever asks the server.
  }
}
