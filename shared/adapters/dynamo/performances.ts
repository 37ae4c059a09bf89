import { PerformanceRecord } from "../../contract/records.ts";
import type { Clock } from "../../ports/ports.ts";
import type { PerformanceStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { toExpirySeconds } from "./expiry.ts";
import { KEY } from "./keys.ts";
import type { Table } from "./table.ts";

/** How long the table keeps what a session has shown after its last attempt. Names come back; after this, as newcomers. */
const KEPT_MS = 30 * 24 * 3_600_000;

/** One item a session, beside the session's own. */
export function createPerformances(table: Table, clock: Pick<Clock, "nowMs">): PerformanceStore {
  const performances = createDocuments(table, {
    schema: PerformanceRecord,
    keyOf: ({ fleet, session }) => KEY.performance(fleet, session),
    attributes: () => ({ expiresAt: toExpirySeconds(clock.nowMs() + KEPT_MS) }),
  });
  return {
    get: (fleet, session) => performances.get(KEY.performance(fleet, session)),
    getMany: (fleet, sessions) =>
      performances.getMany(sessions.map((session) => KEY.performance(fleet, session))),
    commit: performances.commit,
  };
}
