import { type Refusal, refuse } from "../contract/errors.ts";
import type { ExposuresRequest } from "../contract/session.ts";
import { refuseEpoch } from "../domain/session-transitions.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";
import { tellUse } from "./allocate-session.ts";
import { fleetOf } from "./fleet-of.ts";

/** An agent has used parameters under experiment. Of an experiment that is over by now nothing is noted. */
export async function tellExposures(
  ports: Ports,
  { fleet, session: id, epoch }: SessionClaims,
  { parameters }: ExposuresRequest,
): Promise<object | Refusal> {
  const session = await ports.record.sessions.get(fleet, id);
  if (!session) return refuse("session.not_found", `There is no session ${id} in this fleet.`);
  const refused = refuseEpoch(session, epoch);
  if (refused) return refused.refusal;
  await tellUse(ports, await fleetOf(ports, fleet), session, parameters);
  return {};
}
