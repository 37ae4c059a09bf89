import type { RegisterRequest } from "../../shared/contract/session.ts";
import type { AgentApi } from "./agent-api.ts";
import type { Heart } from "./heart.ts";
import { configOf, createLife, type Life } from "./life.ts";
import type { WorkerLog } from "./log.ts";
import { registerSession } from "./register-session.ts";
import type { InTurn } from "./turns.ts";

export type LifeStarterParts = {
  readonly request: RegisterRequest & { readonly id: string };
  readonly api: AgentApi;
  readonly heart: Heart;
  readonly log: WorkerLog;
  /** One registration of a host at a time: they change the same host. */
  readonly inTurn: InTurn;
};

/**
 * Registers a session and lets the heart beat for this start of it. The first registration must succeed, later ones
 * wait through outages. Null if `drained` is raised first.
 */
export function createLifeStarter(parts: LifeStarterParts, drained: AbortSignal): () => Promise<Life | null> {
  const { request, api, heart, log } = parts;
  let registeredBefore = false;

  return async () => {
    const options = { patient: registeredBefore, signal: drained, log };
    const registration = await parts.inTurn(() => registerSession(api, request, heart.hostToken, options));
    if (registration === null) return null;
    const { answer, sentAtMs } = registration;
    heart.adopt(answer.heartbeat, answer.hostToken, sentAtMs);
    // What its last start held may wait for another session of this host by now.
    if (registeredBefore) heart.beatSoon();
    registeredBefore = true;
    const { epoch } = answer.session;
    const { intervalMs, timeoutMs } = answer.heartbeat;
    log("registered", { session: request.id, epoch, intervalMs, timeoutMs });
    const { token, resume } = answer;
    return createLife({ epoch, token, timeoutMs, sentAtMs, resume, config: configOf(answer.config) });
  };
}
