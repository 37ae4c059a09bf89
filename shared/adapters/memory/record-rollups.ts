import { DayRollup, NightReport } from "../../contract/rollup.ts";
import type { RollupStore } from "../../ports/record.ts";
import { deepFrozen } from "./deep-frozen.ts";

export function createMemoryRollups(): RollupStore {
  const rollups = new Map<string, DayRollup>();
  const reports = new Map<string, NightReport>();
  const keyOf = (fleet: string, day: number) => `${fleet}#${day}`;
  return {
    async put(rollup) {
      rollups.set(keyOf(rollup.fleet, rollup.day), deepFrozen(DayRollup.parse(rollup)));
    },
    getMany: async (fleet, days) =>
      [...new Set(days)].sort((a, b) => a - b).flatMap((day) => rollups.get(keyOf(fleet, day)) ?? []),
    async putReport(report) {
      reports.set(report.fleet, deepFrozen(NightReport.parse(report)));
    },
    report: async (fleet) => reports.get(fleet) ?? null,
  };
}
