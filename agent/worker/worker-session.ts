import type { Command } from "../../shared/contract/heartbeat.ts";
import type { HeldTask, RegisterRequest } from "../../shared/contract/session.ts";
import { codeOf, messageOf } from "../problem.ts";
import type { AgentApi } from "./agent-api.ts";
import { createBell } from "./bell.ts";
import type { Beating, Heart } from "./heart.ts";
import { createLife, type Ending, type Life } from "./life.ts";
import type { WorkerLog } from "./log.ts";
import { monotonicMs } from "./monotonic.ts";
import { pause, registerSession } from "./register-session.ts";
import {
  decideRestart,
  NO_CRASHES,
  recordCrash,
  recordSuccess,
  type RestartLimits,
} from "./restart-policy.ts";
import type { Tally } from "./tally.ts";
import type { TaskRunner } from "./task-runner.ts";
import type { InTurn } from "./turns.ts";

/** One session of this host: registers, works through its tasks one at a time, and starts again after a crash. */
export type WorkerSession = Beating & {
  /** Resolves when it was drained. Throws if it may not be registered. */
  run(): Promise<void>;
  /** Finishes the task under way and takes no more. */
  drain(): void;
  /** Gives the task under way back, and takes no more. */
  releaseNow(): void;
};

export type WorkerSessionParts = {
  readonly request: RegisterRequest & { readonly id: string };
  readonly api: AgentApi;
  readonly heart: Heart;
  readonly runner: TaskRunner;
  readonly restarts: RestartLimits;
  readonly tally: Tally;
  readonly log: WorkerLog;
  /** One registration of a host at a time: they change the same host. */
  readonly inTurn: InTurn;
};

/** After being superseded or refused: long enough that two owners of one id do not race. */
const RESTART_PAUSE_MS = 500;

export function createWorkerSession(parts: WorkerSessionParts): WorkerSession {
  const { api, heart, runner, log } = parts;
  const { id } = parts.request;
  const bell = createBell();
  const drained = new AbortController();
  let life: Life | null = null;
  let claimDue = false;
  let claimAfterBeat = false;
  let crashes = NO_CRASHES;
  let registeredBefore = false;

  async function register(): Promise<Life | null> {
    const options = { patient: registeredBefore, signal: drained.signal, log };
    const registration = await parts.inTurn(() =>
      registerSession(api, parts.request, heart.hostToken, options),
    );
    if (registration === null) return null;
    const { answer, sentAtMs } = registration;
    heart.adopt(answer.heartbeat, answer.hostToken, sentAtMs);
    // What its last start held may wait for another session of this host by now.
    if (registeredBefore) heart.beatSoon();
    registeredBefore = true;
    log("registered", {
      session: id,
      epoch: answer.session.epoch,
      intervalMs: answer.heartbeat.intervalMs,
      timeoutMs: answer.heartbeat.timeoutMs,
    });
    return createLife({
      epoch: answer.session.epoch,
      token: answer.token,
      timeoutMs: answer.heartbeat.timeoutMs,
      sentAtMs,
    });
  }

  /** Works until this start of the session is over. One task at a time, so no claim is ever started twice. */
  async function live(now: Life): Promise<Ending> {
    let waiting: readonly HeldTask[] = [];
    claimDue = true;
    claimAfterBeat = false;
    for (;;) {
      const ending = now.ending();
      if (ending) return ending;
      const [held, ...others] = waiting;
      if (drained.signal.aborted) {
        for (const unstarted of waiting) await runner.giveBack(unstarted, now);
        return { kind: "drained" };
      }
      // Without a lease nothing may start; the next acknowledged beat rings.
      if (now.leaseUntilMs() <= monotonicMs()) await bell.wait();
      else if (held) {
        const after = await runner.run(held, now);
        if (after.completed) crashes = recordSuccess(crashes);
        waiting = after.next ? [after.next, ...others] : others;
        claimDue = after.claim === "now";
        claimAfterBeat = after.claim === "after a beat";
        if (claimAfterBeat) heart.beatSoon();
      } else if (claimDue) waiting = await claim(now);
      else await bell.wait();
    }
  }

  async function claim(now: Life): Promise<readonly HeldTask[]> {
    claimDue = false;
    try {
      return await api.claim(id, now.token(), 1, now.over);
    } catch (error) {
      const code = codeOf(error);
      if (code === "session.superseded" || code === "session.ended")
        now.finish({ kind: "restart", why: code });
      else if (!now.over.aborted) log("claim failed", { session: id, why: messageOf(error) });
      claimAfterBeat = true;
      return [];
    }
  }

  async function end(over: Life, body: Parameters<AgentApi["end"]>[2]): Promise<void> {
    try {
      await api.end(id, over.token(), body);
    } catch (error) {
      // Then a new registration or the deadline says the same, later.
      log("end could not be reported", { session: id, why: messageOf(error) });
    }
  }

  async function recover(over: Life, signal: string): Promise<void> {
    parts.tally.crashes += 1;
    await end(over, { reason: "crashed", signal });
    heart.beatSoon();
    const nowMs = monotonicMs();
    crashes = recordCrash(crashes, nowMs);
    const { delayMs, capped } = decideRestart(crashes, parts.restarts, nowMs, Math.random);
    log(capped ? "restarts later: too many crashes within an hour" : "restarts", {
      session: id,
      signal,
      delayMs,
      streak: crashes.streak,
    });
    await pause(delayMs, drained.signal);
  }

  function obey(now: Life, command: Command): void {
    switch (command.type) {
      case "start":
        claimDue = true;
        return;
      case "cancel":
        runner.abort("task.cancelled", command);
        return;
      case "drain":
        drained.abort();
        return;
      case "restart":
        now.finish({ kind: "restart", why: "a restart was asked for" });
        return;
      case "stop":
        now.finish({ kind: "restart", why: command.reason });
        return;
      case "config":
        now.renew(command.token);
        heart.renew(command.hostToken);
    }
  }

  return {
    id,
    describe() {
      if (life === null || life.ending() !== null) return null;
      const tasks = runner.report();
      return { id, epoch: life.epoch, activity: tasks.length > 0 ? "working" : "idle", tasks };
    },
    acknowledged(epoch, sentAtMs, commands) {
      // A beat of an earlier start says nothing about this one.
      if (life?.epoch !== epoch) return;
      const superseded = commands.some((command) => command.type === "stop");
      if (!superseded) {
        life.extendLease(sentAtMs);
        runner.extendLease(life.leaseUntilMs());
      }
      if (claimAfterBeat) {
        claimAfterBeat = false;
        claimDue = true;
      }
      for (const command of commands) obey(life, command);
      bell.ring();
    },
    refused(epoch) {
      if (life?.epoch === epoch) life.finish({ kind: "restart", why: "the heartbeat was refused" });
      bell.ring();
    },
    drain() {
      drained.abort();
      bell.ring();
    },
    releaseNow() {
      drained.abort();
      runner.abort("released");
      bell.ring();
    },
    async run() {
      while (!drained.signal.aborted) {
        life = await register();
        if (life === null) return;
        const now = life;
        const ending = await live(now);
        life = null;
        if (ending.kind === "crashed") await recover(now, ending.signal);
        else if (ending.kind === "restart") {
          log("starts again", { session: id, why: ending.why });
          await pause(RESTART_PAUSE_MS * Math.random(), drained.signal);
        } else {
          await end(now, { reason: "stopped" });
          log("ended", { session: id });
        }
      }
    },
  };
}
