import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import { Id } from "../contract/ids.ts";
import type { SessionRecord } from "../contract/records.ts";
import type { EndRequest, Session } from "../contract/session.ts";
import { refused } from "../domain/decision.ts";
import { askRestart, drain, isAlive } from "../domain/session-transitions.ts";
import type { Claims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";
import { changeSession } from "./change.ts";
import { recoverSession } from "./recover-session.ts";
import { returnWaiting } from "./return-waiting.ts";
import { fillFleet } from "./take-ready.ts";
import { viewSession } from "./view-session.ts";

/** The session that this token may end, or why it may not. A host's token speaks for all sessions of its boot. */
async function findOwn(ports: Ports, claims: Claims, id: string): Promise<SessionRecord | Refusal> {
  const known = Id.safeParse(id);
  const session = known.success ? await ports.record.sessions.get(claims.fleet, id) : null;
  if (!session) return refuse("session.not_found", "There is no such session in this fleet.");
  const own =
    session.host === claims.host &&
    (claims.kind === "host" ? session.boot === claims.boot : session.id === claims.session);
  return own ? session : refuse("session.forbidden", `Session ${id} belongs to another host or boot.`);
}

/** What each word that a session ends with says of its work. */
const ENDED_BY = { completed: "done", stopped: "exit", crashed: "crash" } as const;

/** Assignments made before a crash is answered; more is left to dispatch. */
const HAND_OUT_LIMIT = 10;

/** Why this token may not end this session, whatever it says of the end; or null. */
export async function refuseEnd(ports: Ports, claims: Claims, id: string): Promise<Refusal | null> {
  const found = await findOwn(ports, claims, id);
  return isRefusal(found) ? found : null;
}

/**
 * A session says that it has ended, or its host that it crashed. A crash returns its tasks as a lost deadline
 * would, only at once; another end releases them.
 */
export async function endSession(
  ports: Ports,
  claims: Claims,
  id: string,
  request: EndRequest,
): Promise<{ session: Session } | Refusal> {
  const session = await findOwn(ports, claims, id);
  if (isRefusal(session)) return session;
  const epoch = claims.kind === "session" ? claims.epoch : session.epoch - (isAlive(session) ? 0 : 1);
  const repeated = !isAlive(session) && session.epoch === epoch + 1;
  if (session.epoch !== epoch && !repeated)
    return refused("session.superseded", `Session ${id} was started again since this token was made.`)
      .refusal;
  const detail = [
    request.signal && `signal ${request.signal}`,
    request.exitCode != null && `exit code ${request.exitCode}`,
  ]
    .filter(Boolean)
    .join(", ");
  const cause = `It said so: ${request.reason}${detail ? ` (${detail})` : ""}.`;
  const endsAs = request.reason === "crashed" ? "crashed" : "ended";
  const recovered = await recoverSession(ports, claims.fleet, id, epoch, {
    endsAs,
    cause,
    lastBeatAtMs: ports.clock.nowMs(),
    endedBy: ENDED_BY[request.reason],
  });
  // Its host beats as soon as it hears of this: by then its other sessions know what of the work is theirs.
  if (endsAs === "crashed") await fillFleet(ports, claims.fleet, HAND_OUT_LIMIT);
  return { session: await viewSession(ports, recovered ?? session) };
}

/** Lets a session take no more work. What waits for it goes back at once; what runs may finish. */
export async function drainSession(
  ports: Ports,
  fleet: string,
  id: string,
): Promise<{ session: Session } | Refusal> {
  const result = await changeSession(ports, fleet, id, drain);
  if (isRefusal(result)) return result;
  await returnWaiting(ports, result.document);
  const session = (await ports.record.sessions.get(fleet, id)) ?? result.document;
  return { session: await viewSession(ports, session) };
}

/** Asks a session's host to start it again. */
export async function restartSession(
  ports: Ports,
  fleet: string,
  id: string,
): Promise<{ session: Session } | Refusal> {
  const result = await changeSession(ports, fleet, id, askRestart);
  return isRefusal(result) ? result : { session: await viewSession(ports, result.document) };
}
