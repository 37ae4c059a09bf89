import { gunzipSync, gzipSync } from "node:zlib";
import { JournalRecord } from "../../contract/records.ts";
import type { Clock } from "../../ports/ports.ts";
import type { JournalStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { toExpirySeconds } from "./expiry.ts";
import { KEY } from "./keys.ts";
import type { Table } from "./table.ts";

/** How long the table keeps a journal that nothing is added to. Who resumes after this does without. */
const KEPT_MS = 30 * 24 * 3_600_000;

/** One item a session, written twice for each tool call: compressed, since calls are alike and a write is billed by the kilobyte. */
export function createJournals(table: Table, clock: Pick<Clock, "nowMs">): JournalStore {
  const journals = createDocuments(table, {
    schema: JournalRecord,
    keyOf: ({ fleet, session }) => KEY.journal(fleet, session),
    attributes: ({ calls }) => ({
      calls: gzipSync(JSON.stringify(calls)),
      expiresAt: toExpirySeconds(clock.nowMs() + KEPT_MS),
    }),
    decode: (item) => ({
      ...item,
      calls: JSON.parse(gunzipSync(item["calls"] as Uint8Array).toString()) as unknown,
    }),
  });
  return {
    get: (fleet, session) => journals.get(KEY.journal(fleet, session)),
    commit: journals.commit,
  };
}
