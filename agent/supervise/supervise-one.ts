import type { Connection } from "../connection.ts";
import { type HookServer, startHookServer } from "../hooks/hook-server.ts";
import { createHttp } from "../http.ts";
import { newId } from "../ids.ts";
import { type AgentApi, createAgentApi } from "../worker/agent-api.ts";
import { createHeart } from "../worker/heart.ts";
import type { Ending, Life } from "../worker/life.ts";
import type { WorkerLog } from "../worker/log.ts";
import { killOrphans } from "../worker/orphans.ts";
import type { RestartLimits } from "../worker/restart-policy.ts";
import { createTally } from "../worker/tally.ts";
import { createTurns } from "../worker/turns.ts";
import { createWorkerSession, type SessionRunner } from "../worker/worker-session.ts";

export type OneSession = {
  readonly connection: Connection;
  readonly host: string;
  readonly session: string;
  readonly agent: string;
  readonly cwd: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Tasks that it holds at once, as its next registration says. */
  readonly capacity: () => number;
  readonly restarts: RestartLimits;
  readonly log: WorkerLog;
};

/** What fills the lives of a session that is not given tasks by its supervisor. */
export type Lives = {
  readonly runner: SessionRunner;
  /** Resolves when this life is over, and says how. */
  live(life: Life, drained: AbortSignal): Promise<Ending>;
};

/** Registers one session on a host of its own, and beats for it until its last life is over. SIGTERM and SIGHUP end it. */
export async function superviseOne(
  one: OneSession,
  createLives: (api: AgentApi, hookServer: HookServer) => Lives,
): Promise<void> {
  const { host, session, log, cwd } = one;
  const boot = newId("boot");
  const api = createAgentApi(createHttp(one.connection.url), one.connection.key);
  const heart = createHeart({ host, boot, api, log, ref: true });
  const orphans = killOrphans();
  if (orphans > 0)
    log("killed what agents of a supervisor that is gone left running", { processes: orphans });
  const hookServer = await startHookServer((why) => {
    log("a hook could not be answered", { session, why });
  });
  const lives = createLives(api, hookServer);
  const watched = createWorkerSession({
    request: {
      ...{ id: session, host, boot, cwd, agent: one.agent, labels: one.labels },
      get capacity() {
        return one.capacity();
      },
    },
    ...{ api, heart, log, inTurn: createTurns(), tally: createTally() },
    restartLimits: one.restarts,
    runner: lives.runner,
    createLoop: (_parts, drained) => ({
      work: (life) => lives.live(life, drained),
      claimSoon: () => undefined,
      beatAcknowledged: () => undefined,
      wake: () => undefined,
    }),
  });
  heart.add(watched);
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, watched.drain);
  try {
    await watched.run();
  } finally {
    heart.stop();
    await hookServer.close();
  }
}

/** Resolves to null when the signal is raised. */
export function raised(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    signal.addEventListener("abort", () => {
      resolve(null);
    });
  });
}
