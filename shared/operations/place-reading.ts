import type { InboxRecord, SessionRecord } from "../contract/records.ts";
import { logsOf, positionsIn } from "../domain/inbox.ts";
import type { Ports } from "../ports/ports.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";

/**
 * Tells Redis what a session reads and how far it has acknowledged. The record has been written before, so a failure
 * costs time: the session is told of messages again, finds none, and thereby mends it.
 */
export async function placeReading(
  { registry, log }: Pick<Ports, "registry" | "log">,
  session: Pick<SessionRecord, "fleet" | "id" | "topics">,
  inbox: InboxRecord,
): Promise<void> {
  const { fleet, id } = session;
  try {
    const positions = positionsIn(inbox.positions, logsOf(session));
    await registry.inboxes.place(fleet, id, { rev: inbox.rev, positions });
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    log.warn("positions not published; the next reading or the repair will", { fleet, session: id });
  }
}
