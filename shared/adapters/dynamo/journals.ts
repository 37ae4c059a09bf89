import { JournalRecord } from "../../contract/records.ts";
import type { Clock } from "../../ports/ports.ts";
import type { JournalStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { toExpirySeconds } from "./expiry.ts";
import { KEY } from "./keys.ts";
import type { Table } from "./table.ts";

/** How long the table keeps a journal after its last call: by then nobody goes on where the session was. */
const KEPT_MS = 30 * 24 * 3_600_000;

/** One item a session, beside the session's own. */
export function createJournals(table: Table, clock: Pick<Clock, "nowMs">): JournalStore {
  const journals = createDocuments(table, {
    schema: JournalRecord,
    keyOf: ({ fleet, session }) => KEY.journal(fleet, session),
    attributes: () => ({ expiresAt: toExpirySeconds(clock.nowMs() + KEPT_MS) }),
  });
  return {
    get: (fleet, session) => journals.get(KEY.journal(fleet, session)),
    commit: journals.commit,
  };
}
