import { KeyRecord } from "../../contract/records.ts";
import type { KeyStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { KEY, PARTITION } from "./keys.ts";
import type { Table } from "./table.ts";

export function createApiKeys(table: Table): KeyStore {
  const keys = createDocuments(table, { schema: KeyRecord, keyOf: ({ fleet, id }) => KEY.apiKey(fleet, id) });
  return {
    get: (fleet, id) => keys.get(KEY.apiKey(fleet, id)),
    commit: keys.commit,
    list: async (fleet) => (await table.query({ pk: PARTITION.keys(fleet) })).map(keys.decode),
  };
}
