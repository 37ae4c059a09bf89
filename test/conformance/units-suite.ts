import { expect, test } from "vitest";
import type { ExposedUnit, UnitRecord } from "../../shared/contract/experiments.ts";
import { newFleet } from "./record-fixtures.ts";
import { allPages } from "./record-suite.ts";
import type { RecordWorld } from "./record-worlds.ts";

const DAY_MS = 86_400_000;
const AT_MS = Date.UTC(2030, 0, 1);
const DAY = AT_MS / DAY_MS;

export const aUnit = (fleet: string, over: Partial<UnitRecord> = {}): UnitRecord => ({
  v: 1,
  fleet,
  kind: "task",
  id: "task_1",
  generation: 0,
  host: "host-1",
  agent: "claude-code",
  type: "build",
  repository: "größe",
  startedAtMs: AT_MS,
  outcome: {
    endedAtMs: AT_MS + 60_000,
    values: { completed: 1, attempts: 2, costUsd: 1e-200, wastedMs: 0.5 },
  },
  facts: { crashes: 1, lastSession: "ses_1" },
  ...over,
});

export const anExposedUnit = (fleet: string, over: Partial<ExposedUnit> = {}): ExposedUnit => ({
  v: 1,
  fleet,
  experiment: "exp_1",
  kind: "session",
  id: "ses_1",
  generation: 3,
  host: null,
  agent: null,
  type: null,
  repository: null,
  variant: "treatment",
  stage: 1,
  atMs: AT_MS,
  outcome: null,
  ...over,
});

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
const endedAt = (endedAtMs: number) => ({ endedAtMs, values: {} });

/** What every store of units promises. */
export function testUnits(world: () => RecordWorld): void {
  const ofDay = (fleet: string, day: number, limit = 10) =>
    allPages(limit, (cursor) => world().record.units.ofDay(fleet, day, cursor, limit));
  const exposed = (fleet: string, day: number, experiment = "exp_1", limit = 10) =>
    allPages(limit, (cursor) => world().record.units.exposed(fleet, experiment, day, cursor, limit));

  test("a unit comes back as it was filed, once, however often it was", async () => {
    const { units } = world().record;
    const fleet = newFleet();
    for (let times = 0; times < 3; times++) await units.file(aUnit(fleet));
    expect(await ofDay(fleet, DAY)).toEqual([aUnit(fleet)]);
    const later = aUnit(fleet, { type: null, repository: null, host: null, agent: null, facts: {} });
    await units.file(later);
    expect(await ofDay(fleet, DAY)).toEqual([later]);
  });

  test("each generation, and each kind, is a unit of its own", async () => {
    const { units } = world().record;
    const fleet = newFleet();
    const all = [
      aUnit(fleet, { id: "a" }),
      aUnit(fleet, { id: "a", generation: 1 }),
      aUnit(fleet, { id: "a", generation: 10, kind: "session" }),
      aUnit(fleet, { id: "a.b" }),
      aUnit(fleet, { id: "A" }),
    ];
    await Promise.all(all.map((unit) => units.file(unit)));
    expect(await ofDay(fleet, DAY)).toHaveLength(all.length);
    expect(await ofDay(fleet, DAY)).toEqual(expect.arrayContaining(all));
  });

  test("a day begins with its first millisecond, in UTC, and ends with its last", async () => {
    const { units } = world().record;
    const fleet = newFleet();
    const times = { before: AT_MS - 1, first: AT_MS, last: AT_MS + DAY_MS - 1, after: AT_MS + DAY_MS };
    for (const [id, atMs] of Object.entries(times)) {
      await units.file(aUnit(fleet, { id, startedAtMs: AT_MS - 9 * DAY_MS, outcome: endedAt(atMs) }));
      await units.expose(anExposedUnit(fleet, { id, atMs }));
      // The day of an exposed unit is that of its exposure, whenever it ends.
      await units.settle(anExposedUnit(fleet, { id, atMs, outcome: endedAt(AT_MS + 9 * DAY_MS) }));
    }
    for (const read of [ofDay, exposed]) {
      const ids = async (day: number) => (await read(fleet, day)).map(({ id }) => id).sort();
      expect(await ids(DAY - 1)).toEqual(["before"]);
      expect(await ids(DAY)).toEqual(["first", "last"]);
      expect(await ids(DAY + 1)).toEqual(["after"]);
      expect(await ids(DAY + 9)).toEqual([]);
    }
  });

  test("pages of any size give each unit of a day once", async () => {
    const { units } = world().record;
    const fleet = newFleet();
    const ids = Array.from({ length: 23 }, (_, index) => `unit_${index}`);
    await Promise.all(ids.map((id) => units.file(aUnit(fleet, { id }))));
    await Promise.all(ids.map((id) => units.expose(anExposedUnit(fleet, { id }))));
    for (const limit of [1, 5, 22, 23, 24, 100]) {
      expect((await ofDay(fleet, DAY, limit)).map(({ id }) => id).sort()).toEqual([...ids].sort());
      const listed = await exposed(fleet, DAY, "exp_1", limit);
      expect(listed.map(({ id }) => id).sort()).toEqual([...ids].sort());
    }
    expect(await units.ofDay(newFleet(), DAY, null, 5)).toEqual({ items: [], cursor: null });
    await expect(units.ofDay(fleet, DAY, "elsewhere", 5)).rejects.toThrow(/cursor/);
  });

  test("the first exposure counts, and its outcome takes its place", async () => {
    const { units } = world().record;
    const fleet = newFleet();
    await units.expose(anExposedUnit(fleet));
    await units.expose(anExposedUnit(fleet, { variant: "control", atMs: AT_MS + 5 }));
    expect(await exposed(fleet, DAY)).toEqual([anExposedUnit(fleet)]);
    const outcome = { endedAtMs: AT_MS + 7, values: { crashed: 1, lostWorkMs: 0 } };
    await units.settle(anExposedUnit(fleet, { outcome }));
    expect(await exposed(fleet, DAY)).toEqual([anExposedUnit(fleet, { outcome })]);
  });

  test("an exposure that comes after the outcome changes nothing, and an outcome may come twice", async () => {
    const { units } = world().record;
    const fleet = newFleet();
    const settled = anExposedUnit(fleet, { outcome: endedAt(AT_MS + 7) });
    for (let times = 0; times < 2; times++) {
      await units.settle(settled);
      await units.expose(anExposedUnit(fleet));
      expect(await exposed(fleet, DAY)).toEqual([settled]);
    }
  });

  test("nothing is seen of other fleets and other experiments", async () => {
    const { units } = world().record;
    const [fleet, other] = [newFleet(), newFleet()];
    await units.file(aUnit(other));
    await units.expose(anExposedUnit(other));
    expect([await ofDay(fleet, DAY), await exposed(fleet, DAY)]).toEqual([[], []]);
    const mine = [anExposedUnit(fleet, { id: "a" }), anExposedUnit(fleet, { id: "b" })];
    for (const unit of mine) await units.expose(unit);
    await units.expose(anExposedUnit(fleet, { experiment: "exp_2" }));
    expect((await exposed(fleet, DAY)).sort(byId)).toEqual(mine);
    expect(await exposed(fleet, DAY, "exp_2")).toHaveLength(1);
    expect(await ofDay(fleet, DAY)).toEqual([]);
  });

  test("what breaks its schema is not filed", async () => {
    const { units } = world().record;
    const fleet = newFleet();
    for (const value of [NaN, Infinity]) {
      const outcome = { endedAtMs: AT_MS, values: { waitMs: value } };
      await expect(units.file(aUnit(fleet, { outcome }))).rejects.toThrow();
      await expect(units.expose(anExposedUnit(fleet, { outcome }))).rejects.toThrow();
      await expect(units.settle(anExposedUnit(fleet, { outcome }))).rejects.toThrow();
    }
    expect([await ofDay(fleet, DAY), await exposed(fleet, DAY)]).toEqual([[], []]);
  });
}
