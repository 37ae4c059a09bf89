import type { SessionRecord } from "../contract/records.ts";
import { desiredOf } from "../domain/desired.ts";
import type { Ports } from "../ports/ports.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";

/**
 * Tells Redis what a session should be doing. The record has been written before, so a failure here loses
 * nothing: the repair finds that Redis is behind.
 */
export async function publishSession(
  { registry, log }: Pick<Ports, "registry" | "log">,
  session: SessionRecord,
): Promise<void> {
  try {
    await registry.publish(session.fleet, session.id, desiredOf(session), session.capabilities);
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    log.warn("desired state not published; the repair will", {
      fleet: session.fleet,
      session: session.id,
      rev: session.rev,
    });
  }
}
