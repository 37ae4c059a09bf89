import { FleetRecord } from "../../contract/records.ts";
import type { FleetStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { KEY, PARTITION } from "./keys.ts";
import type { Table } from "./table.ts";

export function createFleets(table: Table): FleetStore {
  const fleets = createDocuments(table, { schema: FleetRecord, keyOf: ({ fleet }) => KEY.fleet(fleet) });
  return {
    get: (fleet) => fleets.get(KEY.fleet(fleet)),
    commit: fleets.commit,
    list: async () => (await table.query({ pk: PARTITION.fleets })).map(fleets.decode),
  };
}
