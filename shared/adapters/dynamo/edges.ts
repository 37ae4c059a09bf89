import type { EdgeStore } from "../../ports/record.ts";
import { KEY, PARTITION, SORT_PREFIX } from "./keys.ts";
import { readPage } from "./shards.ts";
import type { Table } from "./table.ts";

export function createEdges(table: Table): EdgeStore {
  return {
    async add(fleet, dependency, dependent) {
      await table.put({ ...KEY.edge(fleet, dependency, dependent), v: 1 });
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
