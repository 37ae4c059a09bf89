import { expect, test } from "vitest";
import type { DayRollup, KindRollup } from "../../shared/contract/rollup.ts";
import { newFleet } from "./record-fixtures.ts";
import type { RecordWorld } from "./record-worlds.ts";

const aKind = (n: number): KindRollup => ({
  n,
  metrics: { durationMs: { n, y: 1.5 * n, yy: 3 * n, bins: { zero: 1, "-3": 2, "40": n } } },
  groups: { "build|größe": { durationMs: { n, y: 1e9, yy: 1e18 } } },
  hosts: { "host-1": {} },
  cells: { "contextUsed=7": { crashed: { n, y: 1, yy: 1 } } },
  parts: { resumed: { durationMs: { n, y: 2, yy: 4, bins: { "3": n } } } },
  facts: { contextUsed: { n, y: 0.5, yy: 0.25, bins: { "-7": n } } },
});
const aRollup = (fleet: string, day: number, n = 3): DayRollup => ({
  v: 1,
  fleet,
  day,
  task: aKind(n),
  session: aKind(n + 1),
});

/** What every store of rollups promises. */
export function testRollups(world: () => RecordWorld): void {
  test("days come back as they were put, in their order, those that exist", async () => {
    const { rollups } = world().record;
    const fleet = newFleet();
    for (const day of [20_003, 20_001]) await rollups.put(aRollup(fleet, day));
    expect(await rollups.getMany(fleet, [20_003, 20_002, 20_001, 20_003])).toEqual([
      aRollup(fleet, 20_001),
      aRollup(fleet, 20_003),
    ]);
    expect(await rollups.getMany(fleet, [])).toEqual([]);
    expect(await rollups.getMany(newFleet(), [20_001])).toEqual([]);
  });

  test("what the last night found takes the place of what an earlier one did", async () => {
    const { rollups } = world().record;
    const fleet = newFleet();
    expect(await rollups.report(fleet)).toBeNull();
    const later = {
      ...{ v: 1 as const, fleet, night: 20_001, observed: [] },
      notProposed: [{ parameter: "briefTokens" as const, why: "it was tried" }],
    };
    await rollups.putReport({ v: 1, fleet, night: 20_000, notProposed: [], observed: ["größe"] });
    await rollups.putReport(later);
    expect(await rollups.report(fleet)).toEqual(later);
    expect(await rollups.report(newFleet())).toBeNull();
  });

  test("a day that is put again replaces it, also one of many hosts", async () => {
    const { rollups } = world().record;
    const fleet = newFleet();
    const hosts = Object.fromEntries(
      Array.from({ length: 200 }, (_, i) => [`host-${i}`, { crashed: { n: i, y: 1, yy: 1 } }]),
    );
    const large = { ...aRollup(fleet, 20_001), session: { ...aKind(9), hosts } };
    await rollups.put(aRollup(fleet, 20_001));
    await rollups.put(large);
    expect(await rollups.getMany(fleet, [20_001])).toEqual([large]);
  });
}
