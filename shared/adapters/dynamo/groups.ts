import { GroupRecord } from "../../contract/records.ts";
import type { GroupStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { GROUP_SHARDS, KEY, PARTITION } from "./keys.ts";
import { readPage } from "./shards.ts";
import type { Table } from "./table.ts";

export function createGroups(table: Table): GroupStore {
  const groups = createDocuments(table, {
    schema: GroupRecord,
    keyOf: ({ fleet, group }) => KEY.group(fleet, group),
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
