import type { EndRequest } from "../../shared/contract/session.ts";
import { messageOf } from "../problem.ts";
import type { AgentApi } from "./agent-api.ts";
import type { Heart } from "./heart.ts";
import type { Ending, Life } from "./life.ts";
import type { WorkerLog } from "./log.ts";
import { monotonicMs } from "./monotonic.ts";
import { pause } from "./register-session.ts";
import type { Restarts } from "./restart-policy.ts";
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

/** Says how a start of the session ended, and waits for as long as the next one should; less once `drained`. */
export function createLifeEnder(
  parts: LifeEnderParts,
  drained: AbortSignal,
): (over: Life, ending: Ending) => Promise<void> {
  const { session, heart, log } = parts;

  async function afterCrash(over: Life, signal: string): Promise<void> {
    parts.tally.crashes += 1;
    await report(parts, over, { reason: "crashed", signal });
    heart.beatSoon();
    const { delayMs, capped, streak } = parts.restarts.crashed(monotonicMs());
    const what = capped ? "restarts later: too many crashes within an hour" : "restarts";
    log(what, { session, signal, delayMs, streak });
    await pause(delayMs, drained);
  }

  return async (over, ending) => {
    switch (ending.kind) {
      case "crashed":
        await afterCrash(over, ending.signal);
        return;
      case "restart":
        log("starts again", { session, why: ending.why });
        await pause(RESTART_PAUSE_MS * Math.random(), drained);
        return;
      case "drained":
        await report(parts, over, { reason: "stopped" });
        log("ended", { session });
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
