import { GroupRecord } from "../../contract/records.ts";
import type { Clock } from "../../ports/ports.ts";
import type { GroupStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { REMOVAL_LAG_MS, toExpirySeconds } from "./expiry.ts";
import { GROUP_SHARDS, KEY, PARTITION } from "./keys.ts";
import type { RetentionOf } from "./retention.ts";
import { readPage } from "./shards.ts";
import type { Table } from "./table.ts";

/**
 * A group in which nothing is open any more expires after all tasks that ended in it. It then has neither tasks nor
 * results, and its totals go with it. Whatever opens it again replaces the item, and so takes the expiry back.
 */
export function createGroups(
  table: Table,
  retentionOf: RetentionOf,
  clock: Pick<Clock, "nowMs">,
): GroupStore {
  const groups = createDocuments(table, {
    schema: GroupRecord,
    keyOf: ({ fleet, group }) => KEY.group(fleet, group),
    async attributes({ fleet, open, rolling }) {
      if (open || rolling.length > 0) return {};
      const { longestMs } = await retentionOf(fleet);
      return { expiresAt: toExpirySeconds(clock.nowMs() + longestMs + 2 * REMOVAL_LAG_MS) };
    },
  });
  return {
    get: (fleet, group) => groups.get(KEY.group(fleet, group)),
    commit: groups.commit,
    list: (fleet, cursor, limit) =>
      readPage(
        GROUP_SHARDS,
        ({ group }) => group,
        async (shard, after, count) =>
          (await table.query({ pk: PARTITION.groups(fleet, shard), after, limit: count })).map(groups.decode),
        cursor,
        limit,
      ),
  };
}
