import { ExposedUnit, UnitRecord } from "../../contract/experiments.ts";
import { dayOf } from "../../domain/experiments/day.ts";
import type { Page, UnitStore } from "../../ports/record.ts";
import { deepFrozen } from "./deep-frozen.ts";
import { createMemoryListing } from "./record-listing.ts";

type Unit = Pick<UnitRecord, "kind" | "id" | "generation">;
const memberOf = ({ kind, id, generation }: Unit) => `${kind}#${id}#${generation}`;

/** Units in lists: of each fleet and day, and of each experiment and day. */
export function createMemoryUnits(): UnitStore {
  const units = createLists(UnitRecord);
  const exposed = createLists(ExposedUnit);
  const placeOf = ({ fleet, experiment, atMs }: ExposedUnit) => `${fleet}#${experiment}#${dayOf(atMs)}`;
  return {
    async file(unit) {
      units.put(`${unit.fleet}#${dayOf(unit.outcome.endedAtMs)}`, unit);
    },
    ofDay: async (fleet, day, cursor, limit) => units.page(`${fleet}#${day}`, cursor, limit),
    async expose(unit) {
      if (!exposed.has(placeOf(unit), unit)) exposed.put(placeOf(unit), unit);
    },
    async settle(unit) {
      exposed.put(placeOf(unit), unit);
    },
    exposed: async (fleet, experiment, day, cursor, limit) =>
      exposed.page(`${fleet}#${experiment}#${day}`, cursor, limit),
  };
}

function createLists<T extends Unit>(schema: { parse(value: unknown): T }) {
  const stored = new Map<string, T>();
  const listing = createMemoryListing();
  const keyOf = (list: string, member: string) => `${list} ${member}`;
  return {
    has: (list: string, unit: T): boolean => listing.has(list, memberOf(unit)),
    put(list: string, unit: T): void {
      stored.set(keyOf(list, memberOf(unit)), deepFrozen(schema.parse(unit)));
      listing.enter(list, memberOf(unit));
    },
    page(list: string, cursor: string | null, limit: number): Page<T> {
      const page = listing.page(list, cursor, limit);
      return {
        items: page.items.flatMap((member) => stored.get(keyOf(list, member)) ?? []),
        cursor: page.cursor,
      };
    },
  };
}
