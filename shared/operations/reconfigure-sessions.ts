import { isRefusal } from "../contract/errors.ts";
import type { ActiveExperiment } from "../contract/experiments.ts";
import type { SessionRecord } from "../contract/records.ts";
import { UNCHANGED } from "../domain/decision.ts";
import { valuesOf } from "../domain/experiments/parameters.ts";
import { retune } from "../domain/experiments/session-tuning.ts";
import { isAlive } from "../domain/session-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { changeSession } from "./change.ts";
import { fleetOf } from "./fleet-of.ts";
import { liveSessions } from "./live-sessions.ts";
import { sideBySide } from "./side-by-side.ts";

/**
 * Gives live sessions of an experiment that is over what the fleet uses now. Their agents learn of it with their next beats. The fleet must
 * have been changed before: whoever registers meanwhile looks at it once more. Repeating it changes nothing.
 *
 * @returns how many sessions were changed
 */
export async function reconfigureSessions(
  ports: Ports,
  fleet: string,
  experiment: Pick<ActiveExperiment, "id" | "parameter">,
): Promise<number> {
  const value = valuesOf(await fleetOf(ports, fleet))[experiment.parameter];
  const decide = (session: SessionRecord) =>
    isAlive(session) ? retune(session, experiment, value) : UNCHANGED;
  let count = 0;
  for await (const page of liveSessions(ports, fleet)) {
    const others = page.filter((session) => decide(session).kind === "commit");
    const results = await sideBySide(others, (session) =>
      changeSession(ports, fleet, session.id, decide, session),
    );
    count += results.filter((result) => !isRefusal(result) && result.changed).length;
  }
  if (count > 0)
    ports.log.info("sessions reconfigured", { fleet, experiment: experiment.id, sessions: count });
  return count;
}
