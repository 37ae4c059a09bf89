import type { Readable, Writable } from "node:stream";
import type { AgentAdapter } from "../adapters/adapter.ts";
import type { Connection } from "../connection.ts";
import type { WhenOffline } from "../hooks/fence-guard.ts";
import type { HookServer } from "../hooks/hook-server.ts";
import { openRoute } from "../supervise/agent-process.ts";
import { type SupervisedSession, superviseSession } from "../supervise/supervised-session.ts";
import { type Lives, raised, superviseOne } from "../supervise/supervise-one.ts";
import type { AgentApi } from "../worker/agent-api.ts";
import type { Ending, Life } from "../worker/life.ts";
import type { WorkerLog } from "../worker/log.ts";
import { attach } from "./attachment.ts";
import { serveMcp } from "./mcp-proxy.ts";

export type McpOptions = {
  readonly connection: Connection;
  readonly session: string;
  readonly adapter: AgentAdapter;
  readonly cwd: string;
  readonly input: Readable;
  readonly output: Writable;
  readonly whenOffline: WhenOffline;
  readonly log: WorkerLog;
};

/** Of these tools the agent takes work, which only a session with room gets. */
const TAKES_WORK = "claim_task";
const PROTOCOL_HEADERS = {
  accept: "application/json, text/event-stream",
  "content-type": "application/json",
  "shim-protocol": "1",
};
const TIMEOUT_MS = 60_000;

/**
 * The MCP server that an agent starts for itself: as long as the agent lives, it is a session that beats, keeps checkpoints and has its
 * hooks answered. It is given tasks from when it first asks for one.
 */
export async function runMcp(options: McpOptions): Promise<void> {
  const { session, log } = options;
  const state: State = { life: null, capacity: 0, supervised: null, changed: () => undefined };
  const served = serveMcp(
    options.input,
    options.output,
    async (text) => postMessage(options.connection.url, await tokenOf(state), text),
    async (tool) => {
      if (tool !== TAKES_WORK || state.capacity > 0) return;
      state.capacity = 1;
      const before = await lifeOf(state);
      before.finish({ kind: "restart", why: "it takes tasks from now on" });
      state.life = null;
      await lifeOf(state);
    },
  );
  await superviseOne(
    {
      ...{ connection: options.connection, host: session, session, cwd: options.cwd, log },
      agent: options.adapter.name,
      labels: {},
      capacity: () => state.capacity,
      restarts: { perHour: 60 },
    },
    (api, hookServer) => createLives(options, state, served, api, hookServer),
  );
}

type State = {
  life: Life | null;
  capacity: number;
  supervised: SupervisedSession | null;
  /** Called whenever there is another life. */
  changed: () => void;
};

function createLives(
  options: McpOptions,
  state: State,
  served: Promise<void>,
  api: AgentApi,
  hookServer: HookServer,
): Lives {
  const { adapter, session, cwd, log, whenOffline } = options;
  const begin = (life: Life): SupervisedSession => {
    const supervised = superviseSession({
      ...{ session, adapter, hookServer, api, whenOffline, log },
      program: [adapter.name],
      brief: life.resume?.text ?? null,
      onOutput: () => undefined,
    });
    const { url, token } = openRoute(supervised.processParts);
    process.once("exit", attach(process.ppid, { url, token, session }));
    return supervised;
  };

  async function live(life: Life, drained: AbortSignal): Promise<Ending> {
    const supervised = (state.supervised ??= begin(life));
    supervised.begin({ held: null, life, lost: () => null }, cwd, "");
    state.life = life;
    state.changed();
    const ended = await Promise.race([
      served.then(() => "gone" as const),
      raised(life.over),
      raised(drained),
    ]);
    if (ended === null && !drained.aborted) return life.ending() ?? { kind: "drained" };
    await supervised.keeper.make("session_end");
    await supervised.close();
    return { kind: "drained" };
  }

  return {
    live,
    runner: {
      report: () => ({
        activity: state.supervised?.health.activity() ?? "idle",
        signals: state.supervised?.health.signals(),
        // It is not known here which it works on: what it claims it settles itself.
        tasks: [],
      }),
      extendLease: () => undefined,
      abort: () => undefined,
    },
  };
}

/** The life of now, or the next one. */
async function lifeOf(state: State): Promise<Life> {
  while (state.life?.ending() !== null) {
    await new Promise<void>((resolve) => {
      const told = state.changed;
      state.changed = () => {
        told();
        resolve();
      };
    });
  }
  return state.life;
}

const tokenOf = async (state: State): Promise<string> => (await lifeOf(state)).token();

async function postMessage(url: string, token: string, body: string): Promise<string | null> {
  const response = await fetch(new URL("/mcp", url), {
    method: "POST",
    headers: { ...PROTOCOL_HEADERS, authorization: `Bearer ${token}` },
    body,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = (await response.text()).trim();
  if (response.ok) return text === "" ? null : text;
  throw new Error(`The control plane answered ${response.status}: ${text.slice(0, 500)}`);
}
