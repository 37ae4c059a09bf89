import { setTimeout as wait } from "node:timers/promises";
import type { RegisterAnswer, RegisterRequest } from "../../shared/contract/session.ts";
import { newId } from "../ids.ts";
import { codeOf, isTransient, messageOf } from "../problem.ts";
import type { AgentApi } from "./agent-api.ts";
import type { WorkerLog } from "./log.ts";
import { monotonicMs } from "./monotonic.ts";

/** Longer than any profile's timeout, by which a predecessor that died has been given up. */
const TAKEOVER_LIMIT_MS = 120_000;
const RETRY_MS = 1_000;
const OUTAGE_RETRY_MS = 5_000;

export type Registration = { readonly answer: RegisterAnswer; readonly sentAtMs: number };

/**
 * Registers a session, waiting for a predecessor of this host or session that is still live, and through
 * outages if `patient`. Throws what stands in the way otherwise; returns null if `signal` ends the waiting.
 */
export async function registerSession(
  api: AgentApi,
  request: RegisterRequest,
  hostToken: () => string | null,
  options: { readonly patient: boolean; readonly signal: AbortSignal; readonly log: WorkerLog },
): Promise<Registration | null> {
  const giveUpMs = monotonicMs() + TAKEOVER_LIMIT_MS;
  const session = request.id ?? request.host;
  let idempotencyKey = newId("reg");
  let said = "";
  const sayOnce = (what: string, why: string) => {
    if (said !== what) options.log(what, { session, why });
    said = what;
  };
  while (!options.signal.aborted) {
    const sentAtMs = monotonicMs();
    try {
      return { answer: await api.register(request, hostToken(), idempotencyKey), sentAtMs };
    } catch (error) {
      const code = codeOf(error);
      // A lost answer is asked for again by the same key; a refusal may be remembered under it.
      if (code !== null) idempotencyKey = newId("reg");
      if ((code === "host.live" || code === "session.live") && monotonicMs() < giveUpMs) {
        sayOnce("waits: another boot of this host seems alive, until its deadline passes", messageOf(error));
        await pause(RETRY_MS, options.signal);
      } else if (isTransient(error) && options.patient) {
        sayOnce("waits for the server", messageOf(error));
        await pause(OUTAGE_RETRY_MS * Math.random(), options.signal);
      } else {
        throw error;
      }
    }
  }
  return null;
}

/** Waits, or less if `signal` is raised. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined);
}
