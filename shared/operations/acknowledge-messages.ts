import { type Refusal, isRefusal } from "../contract/errors.ts";
import type { AcknowledgeAnswer } from "../contract/message-routes.ts";
import type { SessionRecord } from "../contract/records.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { furthest, isFurther, logsOf, openPositions, positionsIn, sealPositions } from "../domain/inbox.ts";
import type { Ports } from "../ports/ports.ts";
import { changeOrCreate } from "./change.ts";
import { placeReading } from "./place-reading.ts";
import { BAD_CURSOR, type Reader, refuseReader } from "./read-messages.ts";

/**
 * Notes that everything up to a cursor has been dealt with. Positions never fall, so a repeated or late acknowledgement
 * changes nothing.
 *
 * An older epoch must not acknowledge what its successor has not seen. The inbox is read before the session, and a
 * registration changes the inbox after the predecessor was given up: so either this finds the epoch gone, or its commit
 * meets a changed inbox and asks again.
 */
export async function acknowledgeMessages(
  ports: Ports,
  reader: Reader,
  cursor: string,
): Promise<AcknowledgeAnswer | Refusal> {
  const { fleet, session: id } = reader;
  const { inboxes, sessions } = ports.record;
  const { signingKeys } = ports.settings;
  const given = openPositions(signingKeys, fleet, id, cursor);
  if (!given) return BAD_CURSOR;
  const seen: { session: SessionRecord | null } = { session: null };
  const result = await changeOrCreate(
    async () => {
      const inbox = await inboxes.get(fleet, id);
      seen.session = await sessions.get(fleet, id);
      return inbox;
    },
    inboxes.commit,
    (current) => {
      const refusal = refuseReader(seen.session, reader);
      if (refusal) return { kind: "refused", refusal };
      const inbox = current ?? { v: 1, rev: 0, fleet, session: id, positions: {} };
      return isFurther(given, inbox.positions)
        ? commit({ ...inbox, positions: furthest(inbox.positions, given) })
        : UNCHANGED;
    },
  );
  if (isRefusal(result)) return result;
  const { session } = seen;
  if (session && result.document) await placeReading(ports, session, result.document);
  const positions = positionsIn(result.document?.positions ?? {}, session ? logsOf(session) : []);
  return { cursor: sealPositions(signingKeys, fleet, id, positions) };
}
