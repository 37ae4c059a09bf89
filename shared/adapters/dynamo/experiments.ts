import assert from "node:assert/strict";
import { ExperimentRecord } from "../../contract/experiments.ts";
import { byAge } from "../../domain/experiments/by-age.ts";
import type { ExperimentStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { KEY, PARTITION } from "./keys.ts";
import type { Item, Table } from "./table.ts";

/** Largest experiment, in bytes of JSON. An item takes 400 KB; one with the looks of 90 nights has about a quarter of that. */
const BYTES_LIMIT = 350 * 1024;

/**
 * An experiment an item, kept for ever. All but what names it is one text: a p-value may be smaller than any number that
 * DynamoDB takes.
 */
export function createExperiments(table: Table): ExperimentStore {
  const experiments = createDocuments(table, {
    schema: ExperimentRecord,
    keyOf: ({ fleet, id }) => KEY.experiment(fleet, id),
    attributes({ v: _v, rev: _rev, fleet: _fleet, id, ...rest }) {
      const d = JSON.stringify(rest);
      const bytes = Buffer.byteLength(d);
      assert(bytes <= BYTES_LIMIT, `experiment ${id} has ${bytes} bytes, which is more than ${BYTES_LIMIT}`);
      const inText = Object.fromEntries(Object.keys(rest).map((name) => [name, undefined]));
      return { ...inText, d };
    },
    decode: ({ d, ...item }) => ({ ...item, ...(JSON.parse(String(d)) as Item) }),
  });
  return {
    get: (fleet, id) => experiments.get(KEY.experiment(fleet, id)),
    commit: experiments.commit,
    async list(fleet) {
      const items = await table.query({ pk: PARTITION.experiments(fleet) });
      return items.map(experiments.decode).sort(byAge);
    },
  };
}
