import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import type { SessionRecord } from "../contract/records.ts";
import type { Session } from "../contract/session.ts";
import { drain, isAlive } from "../domain/session-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { changeSession } from "./change.ts";
import { returnWaiting } from "./return-waiting.ts";
import { sideBySide } from "./side-by-side.ts";
import { viewSessions } from "./view-session.ts";

/**
 * Lets every session of a host take no more work: those that its document lists when it is asked. One that registers
 * later is not drained.
 *
 * All are drained before any work goes back, or it would be handed to the next of them. A kill leaves some undrained or
 * some work waiting with them; repeating the request finishes both.
 */
export async function drainHost(
  ports: Ports,
  fleet: string,
  id: string,
): Promise<{ sessions: Session[] } | Refusal> {
  const host = await ports.record.hosts.get(fleet, id);
  if (!host) return refuse("host.not_found", `There is no host ${id} in this fleet.`);
  const listed = await ports.record.sessions.getMany(fleet, host.sessions);
  const alive = listed.filter((session) => session.host === id && isAlive(session));
  const results = await sideBySide(alive, (session) => drainIfAlive(ports, session));
  const refusal = results.find(isRefusal);
  if (refusal) return refusal;
  const drained = results.filter((result): result is SessionRecord => result !== null && !isRefusal(result));
  await sideBySide(drained, (session) => returnWaiting(ports, session));
  const now = await ports.record.sessions.getMany(
    fleet,
    drained.map((session) => session.id),
  );
  const draining = now.filter((session) => session.host === id && session.state === "draining");
  return { sessions: await viewSessions(ports, fleet, draining.sort(byId)) };
}

/** Null if it ended before it could be drained, or was started again elsewhere. */
async function drainIfAlive(ports: Ports, session: SessionRecord): Promise<SessionRecord | null | Refusal> {
  const result = await changeSession(ports, session.fleet, session.id, (current) =>
    current.host === session.host && isAlive(current) ? drain(current) : { kind: "unchanged" },
  );
  if (isRefusal(result)) return result;
  return result.document.state === "draining" ? result.document : null;
}

const byId = (a: SessionRecord, b: SessionRecord) => (a.id < b.id ? -1 : 1);
