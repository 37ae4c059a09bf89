import { SemaphoreRecord } from "../../contract/records.ts";
import type { Clock } from "../../ports/ports.ts";
import type { SemaphoreStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { toExpirySeconds } from "./expiry.ts";
import { KEY } from "./keys.ts";
import type { Table } from "./table.ts";

/** How long the table keeps a semaphore without permits. One that is gone counts as one without. */
const IDLE_KEPT_MS = 24 * 3_600_000;

/** One item a type or key. Keys come and go with the work, so an idle one expires. */
export function createSemaphores(table: Table, clock: Pick<Clock, "nowMs">): SemaphoreStore {
  const semaphores = createDocuments(table, {
    schema: SemaphoreRecord,
    keyOf: ({ fleet, id }) => KEY.semaphore(fleet, id),
    attributes: ({ permits }) =>
      Object.keys(permits).length > 0 ? {} : { expiresAt: toExpirySeconds(clock.nowMs() + IDLE_KEPT_MS) },
  });
  return {
    get: (fleet, id) => semaphores.get(KEY.semaphore(fleet, id)),
    getMany: (fleet, ids) => semaphores.getMany(ids.map((id) => KEY.semaphore(fleet, id))),
    commit: semaphores.commit,
  };
}
