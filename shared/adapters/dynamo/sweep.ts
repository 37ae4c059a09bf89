import { SweepRecord } from "../../contract/records.ts";
import type { RecordStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { KEY } from "./keys.ts";
import type { Table } from "./table.ts";

export function createSweep(table: Table): RecordStore["sweep"] {
  const sweep = createDocuments(table, { schema: SweepRecord, keyOf: KEY.sweep });
  return { get: () => sweep.get(KEY.sweep()), commit: sweep.commit };
}
