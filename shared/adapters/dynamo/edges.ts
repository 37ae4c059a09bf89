import type { Clock } from "../../ports/ports.ts";
import type { EdgeStore } from "../../ports/record.ts";
import { toExpirySeconds } from "./expiry.ts";
import { KEY, PARTITION, SORT_PREFIX } from "./keys.ts";
import type { RetentionOf } from "./retention.ts";
import { readPage } from "./shards.ts";
import type { Table } from "./table.ts";

export function createEdges(table: Table, retentionOf: RetentionOf, clock: Pick<Clock, "nowMs">): EdgeStore {
  return {
    async add(fleet, dependency, dependent) {
      await table.put({ ...KEY.edge(fleet, dependency, dependent), v: 1 });
    },
    async close(fleet, dependency, dependents) {
      const { keptMs } = await retentionOf(fleet);
      const expiresAt = toExpirySeconds(clock.nowMs() + keptMs);
      await Promise.all(
        dependents.map((dependent) =>
          table.update(KEY.edge(fleet, dependency, dependent), "SET expiresAt = :expiresAt", {
            expression: "attribute_exists(pk)",
            values: { ":expiresAt": expiresAt },
          }),
        ),
      );
    },
    list: (fleet, dependency, cursor, limit) =>
      readPage(
        1,
        (dependent) => dependent,
        async (_, after, count) => {
          const range = {
            pk: PARTITION.task(fleet, dependency),
            prefix: SORT_PREFIX.edge,
            after,
            limit: count,
          };
          return (await table.query(range)).map(({ sk }) => String(sk).slice(SORT_PREFIX.edge.length));
        },
        cursor,
        limit,
      ),
  };
}
