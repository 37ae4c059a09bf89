import type { EndRequest } from "../../shared/contract/session.ts";
import { messageOf } from "../problem.ts";
import type { AgentApi } from "./agent-api.ts";
import type { Heart } from "./heart.ts";
import type { Ending, Life } from "./life.ts";
import type { WorkerLog } from "./log.ts";
import { monotonicMs } from "./monotonic.ts";
import { pause } from "./register-session.ts";
import { RESTART_WORDS, type Restarts } from "./restart-policy.ts";
import type { Tally } from "./tally.ts";

export type LifeEnderParts = {
  readonly session: string;
  readonly api: AgentApi;
  readonly heart: Heart;
  readonly restarts: Restarts;
  readonly tally: Tally;
  readonly log: WorkerLog;
};

/** After being superseded or refused: long enough that two owners of one id do not race. */
const RESTART_PAUSE_MS = 500;

/**
 * Says how a start of the session ended, and waits for as long as the next one should; less once `drained`.
 *
 * @returns whether there may be a next one
 */
export function createLifeEnder(
  parts: LifeEnderParts,
  drained: AbortSignal,
): (over: Life, ending: Ending) => Promise<boolean> {
  const { session, heart, log } = parts;

  async function afterCrash(over: Life, signal: string): Promise<boolean> {
    parts.tally.crashes += 1;
    await report(parts, over, { reason: "crashed", signal });
    heart.beatSoon();
    const { streak, ...decision } = parts.restarts.crashed(monotonicMs());
    if (decision.kind === "stay down") {
      log("stays down", { session, signal, streak, why: decision.why });
      return false;
    }
    const { delayMs, reason } = decision;
    log(RESTART_WORDS[reason], { session, signal, delayMs, streak });
    await pause(delayMs, drained);
    return true;
  }

  return async (over, ending) => {
    switch (ending.kind) {
      case "crashed":
        return afterCrash(over, ending.signal);
      case "restart":
        log("starts again", { session, why: ending.why });
        await pause(RESTART_PAUSE_MS * Math.random(), drained);
        return true;
      case "drained":
        await report(parts, over, { reason: "stopped" });
        log("ended", { session });
        return false;
    }
  };
}

async function report({ api, session, log }: LifeEnderParts, over: Life, body: EndRequest): Promise<void> {
  try {
    await api.end(session, over.token(), body);
  } catch (error) {
    // Then a new registration or the deadline says the same, later.
    log("end could not be reported", { session, why: messageOf(error) });
  }
}
