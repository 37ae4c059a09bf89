import type { CheckpointRequest } from "../../../shared/contract/checkpoint.ts";
import type { SessionConfig } from "../../../shared/contract/session.ts";
import type { AgentEvent } from "../../../agent/adapters/agent-event.ts";
import { plainAdapter } from "../../../agent/adapters/plain.ts";
import type { HookServer } from "../../../agent/hooks/hook-server.ts";
import { superviseSession } from "../../../agent/supervise/supervised-session.ts";
import type { AgentApi } from "../../../agent/worker/agent-api.ts";
import { configOf, createLife, type Life } from "../../../agent/worker/life.ts";
import { monotonicMs } from "../../../agent/worker/monotonic.ts";
import { scratchDirectory } from "../../fixtures/scratch.ts";

type TellExposures = AgentApi["tellExposures"];

/** A supervised session without an agent's process: a test says what the agent does. */
export function superviseScripted(id: string, tell: TellExposures = async () => undefined) {
  const made: string[] = [];
  const said: string[] = [];
  const api = {
    checkpoint: async (_session: string, _token: string, { trigger }: CheckpointRequest) => ({
      sequence: made.push(trigger),
      bytes: 1,
    }),
    tellExposures: tell,
  } as Partial<AgentApi> as AgentApi;
  const supervised = superviseSession({
    ...{ session: id, adapter: plainAdapter("scripted"), program: ["scripted"], api },
    hookServer: {} as HookServer,
    whenOffline: "open",
    log: (what) => void said.push(what),
    onOutput: () => undefined,
  });
  const cwd = scratchDirectory();
  return {
    ...{ supervised, made, said },
    begin: (life: Life) => {
      supervised.begin({ held: null, life, lost: () => null }, cwd, "work");
    },
    hear: (event: AgentEvent) => {
      supervised.processParts.watcher.hear(event);
    },
    /** A beat: time is seen to pass. */
    beat: () => supervised.health.signals(),
  };
}

export const lifeOf = (config: SessionConfig, epoch = 1) =>
  createLife({
    ...{ epoch, token: `token-${epoch}`, timeoutMs: 30_000, sentAtMs: monotonicMs() },
    config: configOf(config),
  });
