import { HostRecord } from "../../contract/records.ts";
import type { HostStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { KEY } from "./keys.ts";
import type { Table } from "./table.ts";

export function createHosts(table: Table): HostStore {
  const hosts = createDocuments(table, { schema: HostRecord, keyOf: ({ fleet, id }) => KEY.host(fleet, id) });
  return { get: (fleet, id) => hosts.get(KEY.host(fleet, id)), commit: hosts.commit };
}
