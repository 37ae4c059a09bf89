import { type Refusal, isRefusal } from "../contract/errors.ts";
import type { InboxRecord } from "../contract/records.ts";
import { commit } from "../domain/decision.ts";
import { furthest, logsOf, positionsIn, sharedLogsOf } from "../domain/inbox.ts";
import { assert } from "../domain/assert.ts";
import type { Ports } from "../ports/ports.ts";
import { changeOrCreate } from "./change.ts";

/** Past so many positions, an inbox forgets those of topics that it does not read now. */
const POSITIONS_LIMIT = 200;

/**
 * Notes where a session that is being registered begins to read: a log that it never read, at its end; any other where
 * it had acknowledged, however many starts ago. Call it after the predecessor was given up and before the session is
 * committed: what is sent from then on reaches it. Always changes the inbox, so that no acknowledgement that was
 * decided before goes through.
 */
export async function openInbox(
  { record }: Ports,
  fleet: string,
  session: string,
  topics: readonly string[],
): Promise<InboxRecord | Refusal> {
  const logs = sharedLogsOf({ topics });
  const newest = await record.messages.newest(fleet, logs);
  const ends = Object.fromEntries(
    logs.map((log) => [log, newest.find((last) => last.log === log)?.rev ?? 0]),
  );
  const opened = await changeOrCreate<InboxRecord>(
    () => record.inboxes.get(fleet, session),
    record.inboxes.commit,
    (inbox) => {
      const before = inbox?.positions ?? {};
      const begun = Object.entries(ends).filter(([log]) => before[log] === undefined);
      const positions = furthest(before, Object.fromEntries(begun));
      const crowded = Object.keys(positions).length > POSITIONS_LIMIT;
      return commit({
        ...(inbox ?? { v: 1, rev: 0, fleet, session }),
        positions: crowded ? positionsIn(positions, logsOf({ id: session, topics })) : positions,
      });
    },
  );
  if (isRefusal(opened)) return opened;
  assert(opened.document !== null, `the inbox of ${session} was committed`);
  return opened.document;
}
