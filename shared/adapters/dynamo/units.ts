import { ExposedUnit, UnitRecord } from "../../contract/experiments.ts";
import { UNITS_KEPT_MS } from "../../contract/limits.ts";
import { dayOf } from "../../domain/experiments/day.ts";
import type { UnitStore } from "../../ports/record.ts";
import { toExpirySeconds } from "./expiry.ts";
import { KEY, PARTITION, UNIT_SHARDS } from "./keys.ts";
import { type ReadShard, readPage } from "./shards.ts";
import type { Item, Table } from "./table.ts";

/**
 * Units, and the same once more for each experiment that they met. One write is billed by the kilobyte and a night may read a million:
 * an item is its key, its expiry and one text, which says nothing that the key says. The text is JSON, because a number of
 * DynamoDB has no room for one near zero.
 */
export function createUnits(table: Table): UnitStore {
  const shard =
    (pkOf: (shard: number) => string): ReadShard<Item> =>
    (number, after, limit) =>
      table.query({ pk: pkOf(number), after, limit });
  const placeOf = ({ sk }: Item) => String(sk);

  return {
    async file(unit) {
      const { fleet, kind, id, generation, ...rest } = UnitRecord.parse(unit);
      const { endedAtMs } = rest.outcome;
      const key = KEY.unit(fleet, dayOf(endedAtMs), { kind, id, generation });
      await table.put({ ...key, ...textOf(rest, endedAtMs) });
    },
    async ofDay(fleet, day, cursor, limit) {
      const read = shard((number) => PARTITION.units(fleet, day, number));
      const page = await readPage(UNIT_SHARDS, placeOf, read, cursor, limit);
      return { ...page, items: page.items.map((item) => UnitRecord.parse({ ...partsOf(item), fleet })) };
    },
    async expose(unit) {
      await table.put(itemOf(unit), { expression: "attribute_not_exists(pk)" });
    },
    async settle(unit) {
      await table.put(itemOf(unit));
    },
    async exposed(fleet, experiment, day, cursor, limit) {
      const read = shard((number) => PARTITION.exposed(fleet, experiment, day, number));
      const page = await readPage(UNIT_SHARDS, placeOf, read, cursor, limit);
      const items = page.items.map((item) => ExposedUnit.parse({ ...partsOf(item), fleet, experiment }));
      return { ...page, items };
    },
  };
}

function itemOf(unit: ExposedUnit): Item {
  const { fleet, experiment, kind, id, generation, ...rest } = ExposedUnit.parse(unit);
  const key = KEY.exposed(fleet, experiment, dayOf(rest.atMs), { kind, id, generation });
  return { ...key, ...textOf(rest, rest.atMs) };
}

const textOf = (rest: object, atMs: number): Item => ({
  d: JSON.stringify(rest),
  expiresAt: toExpirySeconds(atMs + UNITS_KEPT_MS),
});

function partsOf({ sk, d }: Item): Item {
  const [kind, id, generation] = String(sk).split("#");
  return { ...(JSON.parse(String(d)) as Item), kind, id, generation: Number(generation) };
}
