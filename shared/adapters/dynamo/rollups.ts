import { ROLLUPS_KEPT_MS } from "../../contract/limits.ts";
import { DayRollup, NightReport } from "../../contract/rollup.ts";
import { DAY_MS } from "../../domain/experiments/day.ts";
import type { RollupStore } from "../../ports/record.ts";
import { toExpirySeconds } from "./expiry.ts";
import { KEY } from "./keys.ts";
import { decode, encode } from "./payloads.ts";
import type { Table } from "./table.ts";

/** One item a day and fleet, compressed: names of types and hosts repeat. */
export function createRollups(table: Table): RollupStore {
  return {
    async put(rollup) {
      const { fleet, day } = rollup;
      await table.put({
        ...KEY.rollup(fleet, day),
        v: 1,
        rollup: await encode(JSON.stringify(DayRollup.parse(rollup))),
        expiresAt: toExpirySeconds((day + 1) * DAY_MS + ROLLUPS_KEPT_MS),
      });
    },
    async getMany(fleet, days) {
      const items = await table.getMany([...new Set(days)].map((day) => KEY.rollup(fleet, day)));
      const rollups = items.map(async ({ rollup }) =>
        DayRollup.parse(JSON.parse(await decode(rollup as Uint8Array))),
      );
      return (await Promise.all(rollups)).sort((a, b) => a.day - b.day);
    },
    async putReport(report) {
      await table.put({ ...KEY.nightReport(report.fleet), ...NightReport.parse(report) });
    },
    async report(fleet) {
      const found = await table.get(KEY.nightReport(fleet));
      return found === null ? null : NightReport.parse(found);
    },
  };
}
