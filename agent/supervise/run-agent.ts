import type { AgentAdapter, OwnSession } from "../adapters/adapter.ts";
import type { Connection } from "../connection.ts";
import type { WhenOffline } from "../hooks/fence-guard.ts";
import type { HookServer } from "../hooks/hook-server.ts";
import type { AgentApi } from "../worker/agent-api.ts";
import type { ChildExit } from "../worker/child.ts";
import type { Ending, Life } from "../worker/life.ts";
import type { WorkerLog } from "../worker/log.ts";
import type { RestartLimits } from "../worker/restart-policy.ts";
import { openRoute } from "./agent-process.ts";
import { startForeground } from "./foreground.ts";
import { HOOK_COMMAND } from "./hook-command.ts";
import { type Lives, raised, superviseOne } from "./supervise-one.ts";
import { agentEnv, type SupervisedSession, superviseSession } from "./supervised-session.ts";

export type RunOptions = {
  readonly connection: Connection;
  readonly host: string;
  readonly session: string;
  readonly adapter: AgentAdapter;
  readonly program: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly labels: Readonly<Record<string, string>>;
  readonly whenOffline: WhenOffline;
  readonly restarts: RestartLimits;
  readonly log: WorkerLog;
};

/** How a process ends whose user ended it. */
const BY_ITS_USER: readonly (string | null)[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs one agent, which has the terminal, as one session that takes no tasks: beats for it, keeps checkpoints, answers its hooks, and
 * starts it again, with what it left unfinished, when it crashed.
 *
 * @returns the exit code of its last process
 */
export async function runAgent(options: RunOptions): Promise<number> {
  let exitCode: () => number = () => 1;
  // Ctrl-C reaches the agent by its terminal, and ends this when it ends the agent.
  process.on("SIGINT", () => undefined);
  await superviseOne({ ...options, agent: options.adapter.name, capacity: () => 0 }, (api, hookServer) => {
    const lives = createForegroundLives(options, api, hookServer);
    exitCode = lives.exitCode;
    return lives;
  });
  return exitCode();
}

type ForegroundLives = Lives & { readonly exitCode: () => number };

/**
 * One process of the agent, over as many lives of the session as it takes: that the session was given up during an outage is no reason
 * to take the terminal from its user. Until it lives again its tools are denied.
 */
function createForegroundLives(options: RunOptions, api: AgentApi, hookServer: HookServer): ForegroundLives {
  let running: { readonly supervised: SupervisedSession; readonly process: RunningProcess } | null = null;
  let exit: ChildExit | null = null;
  /** The session of an agent that crashed, with which the next goes on. */
  let own: OwnSession | null = null;

  function start(life: Life): NonNullable<typeof running> {
    const brief = life.resume?.text ?? null;
    const supervised = superviseSession({ ...options, hookServer, api, brief, onOutput: () => undefined });
    return { supervised, process: startProcess(options, supervised, own) };
  }

  async function live(life: Life, drained: AbortSignal): Promise<Ending> {
    const now = (running ??= start(life));
    now.supervised.begin({ held: null, life, lost: () => null }, options.cwd, "");
    const ended = await Promise.race([now.process.exited, raised(life.over), raised(drained)]);
    if (ended === null && !drained.aborted) return life.ending() ?? { kind: "drained" };
    if (ended === null) now.process.stop();
    exit = await now.process.exited;
    running = null;
    const crashed = exit.signal !== null && !BY_ITS_USER.includes(exit.signal) && !drained.aborted;
    await now.supervised.keeper.make(crashed ? "crash" : "session_end");
    own = crashed ? await now.supervised.intactOwn() : null;
    await now.supervised.close();
    return crashed ? { kind: "crashed", signal: exit.signal ?? "" } : { kind: "drained" };
  }

  return {
    live,
    runner: {
      report: () => ({
        activity: running?.supervised.health.activity() ?? "idle",
        signals: running?.supervised.health.signals(),
        tasks: [],
      }),
      extendLease: () => undefined,
      abort: () => undefined,
    },
    exitCode: () => exit?.code ?? 1,
  };
}

type RunningProcess = { readonly exited: Promise<ChildExit>; stop(): void };

function startProcess(
  options: RunOptions,
  { processParts }: SupervisedSession,
  own: OwnSession | null,
): RunningProcess {
  const route = openRoute(processParts);
  const hooks = { url: route.url, token: route.token, command: HOOK_COMMAND };
  const { command, env } = options.adapter.wrap(options.program, hooks, own);
  const child = startForeground(
    command,
    {
      cwd: options.cwd,
      env: {
        ...env,
        ...agentEnv(options.env),
        SHIM_HOOK_URL: route.url,
        SHIM_HOOK_TOKEN: route.token,
      },
    },
    processParts.onMark,
  );
  return {
    exited: child.exited.finally(() => {
      route.close();
    }),
    stop: () => {
      child.kill("SIGTERM");
    },
  };
}
