import type { AgentAdapter } from "../adapters/adapter.ts";
import type { Connection } from "../connection.ts";
import type { WhenOffline } from "../hooks/fence-guard.ts";
import { createHttp } from "../http.ts";
import { newId } from "../ids.ts";
import { createAgentApi } from "./agent-api.ts";
import { removeOrphanedAttemptFiles } from "./attempt-files.ts";
import { createAttempts } from "./create-attempts.ts";
import { createHeart } from "./heart.ts";
import type { WorkerLog } from "./log.ts";
import { killOrphans } from "./orphans.ts";
import { openPublications } from "./publications.ts";
import { publishLeftovers } from "./publish-leftovers.ts";
import { pause } from "./register-session.ts";
import type { RestartLimits } from "./restart-policy.ts";
import { createTally, type Tally } from "./tally.ts";
import type { Command } from "./task-command.ts";
import { createTaskRunner } from "./task-runner.ts";
import { createTurns } from "./turns.ts";
import { createWorkLoop } from "./work-loop.ts";
import { createWorkerSession, type WorkerSession } from "./worker-session.ts";
import { openWorktrees } from "./worktrees.ts";

export type WorkerOptions = {
  readonly connection: Connection;
  readonly host: string;
  readonly sessions: number;
  /** What runs tasks: a command for each, or a coding agent. */
  readonly runs: CommandRuns | AgentRuns;
  readonly capabilities: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Null: no worktrees. `dir` null: the default place. */
  readonly worktrees: { readonly dir: string | null; readonly base: string } | null;
  readonly publishPrefix: string | null;
  readonly restarts: RestartLimits;
  /** How long a first signal lets tasks finish; null: as long as they take. */
  readonly drainTimeoutMs: number | null;
  readonly showOutput: boolean;
  readonly log: WorkerLog;
};

export type CommandRuns = {
  readonly kind: "command";
  readonly command: Command | null;
  readonly taskCommandsAllowed: boolean;
};
export type AgentRuns = {
  readonly kind: "agent";
  readonly adapter: AgentAdapter;
  readonly program: readonly [string, ...string[]];
  readonly whenOffline: WhenOffline;
  /** Whether one process may work through several tasks. */
  readonly feeds: boolean;
};

export type Supervisor = {
  /** Resolves when every session has ended. Throws if they may not be registered. */
  readonly done: Promise<Tally>;
  /** First call: finish what runs, take no more. Second call: give back what runs. */
  readonly stop: () => void;
};

/** After giving everything back: how long the server may take to hear of it. */
const RELEASE_LIMIT_MS = 10_000;

/** Starts the sessions of this host, with one heartbeat for all of them. */
export async function startSupervisor(options: WorkerOptions): Promise<Supervisor> {
  const boot = newId("boot");
  const { log } = options;
  const api = createAgentApi(createHttp(options.connection.url), options.connection.key);
  const heart = createHeart({ host: options.host, boot, api, log, ref: true });
  const tally = createTally();
  const worktrees = options.worktrees
    ? await openWorktrees({
        repository: options.cwd,
        dir: options.worktrees.dir,
        base: options.worktrees.base,
        boot,
      })
    : null;
  await removeOrphanedAttemptFiles();
  // Before anything is registered: what a dead supervisor's agents left running must not work beside their successors.
  const orphans = killOrphans();
  if (orphans > 0)
    log("killed what agents of a supervisor that is gone left running", { processes: orphans });
  const attempts = await createAttempts(options, api, worktrees);
  const publications =
    worktrees && options.publishPrefix !== null
      ? await openPublications(options.cwd, options.publishPrefix)
      : null;
  if (publications) await publishLeftovers(publications, api, log);
  const inTurn = createTurns();

  const sessions = Array.from({ length: options.sessions }, (_, index) => {
    const id = `${options.host}-${index + 1}`;
    const startAttempt = attempts.of(id);
    const runner = createTaskRunner({ session: id, api, startAttempt, publications, tally, log });
    const request = {
      id,
      host: options.host,
      boot,
      agent: options.runs.kind === "agent" ? options.runs.adapter.name : "command",
      labels: options.labels,
      capabilities: [...options.capabilities],
      capacity: 1,
      cwd: options.cwd,
    };
    const restartLimits = options.restarts;
    const session = createWorkerSession({
      ...{ request, api, heart, runner, restartLimits, tally, log, inTurn },
      createLoop: (loop, drained) => createWorkLoop({ ...loop, runner }, drained),
    });
    heart.add(session);
    return session;
  });

  const { stop, released } = createStop(sessions, options.drainTimeoutMs, log);
  const done = runAll(sessions, released).finally(async () => {
    heart.stop();
    await attempts.close();
    await worktrees?.close();
  });
  return { done: done.then(() => tally), stop };
}

/** All sessions to their end. If one may not run, the others give back what they have. */
async function runAll(sessions: readonly WorkerSession[], released: Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  const runs = sessions.map(async (session) => {
    try {
      await session.run();
    } catch (error) {
      failures.push(error);
      for (const other of sessions) other.releaseNow();
    }
  });
  const finished = new AbortController();
  const hurry = released.then(() => pause(RELEASE_LIMIT_MS, finished.signal));
  await Promise.race([Promise.all(runs), hurry]);
  finished.abort();
  if (failures.length > 0) throw failures[0];
}

function createStop(sessions: readonly WorkerSession[], drainTimeoutMs: number | null, log: WorkerLog) {
  let calls = 0;
  let markReleased: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    markReleased = resolve;
  });
  const releaseAll = () => {
    log("gives back what runs");
    for (const session of sessions) session.releaseNow();
    markReleased();
  };
  const stop = () => {
    calls += 1;
    if (calls === 2) releaseAll();
    if (calls !== 1) return;
    log("drains: finishes what runs, takes no more (again: gives it back)");
    for (const session of sessions) session.drain();
    if (drainTimeoutMs !== null) setTimeout(releaseAll, drainTimeoutMs).unref();
  };
  return { stop, released };
}
