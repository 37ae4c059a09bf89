import { isAlive } from "../domain/session-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import type { Incarnation } from "../ports/registry.ts";
import { mendInboxes } from "./mend-inboxes.ts";
import { publishSession } from "./publish-session.ts";
import { recoverSession } from "./recover-session.ts";

/** How long a session that the record does not know keeps being told to stop: the document of a stranger. */
const STRANGER = {
  rev: 0,
  capacity: 1,
  keyId: "none",
  tasks: {},
  stopping: {},
  restart: false,
  state: "ended",
} as const;

/**
 * Compares a session that beat though Redis did not know it with the record: publishes what it should be doing,
 * or takes back the deadline it was given for now.
 */
export async function verifySession(ports: Ports, incarnation: Incarnation): Promise<void> {
  const { fleet, host, session: id, epoch } = incarnation;
  const session = await ports.record.sessions.get(fleet, id);
  if (session) {
    await publishSession(ports, session);
    await mendInboxes(ports, fleet, [session]);
  } else await ports.registry.publish(fleet, id, { ...STRANGER, epoch: epoch + 1, host }, []);
  if (session?.epoch === epoch && session.host === host && isAlive(session)) return;
  if (session?.epoch === epoch + 1 && session.host === host && session.state === "recovering")
    await recoverSession(ports, fleet, id, epoch, {
      endsAs: session.endsAs ?? "crashed",
      cause: session.cause ?? "",
      lastBeatAtMs: null,
      endedBy: session.endedBy ?? "unknown",
    });
  await ports.registry.forget([incarnation]);
}
