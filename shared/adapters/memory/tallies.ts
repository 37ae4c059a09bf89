import type { Tallies } from "../../ports/ports.ts";
import type { Losable } from "./losable.ts";

/** Running sums, in this process. */
export function createMemoryTallies(): Tallies & Losable {
  let fleets = new Map<string | null, Readonly<Record<string, number>>>();
  return {
    async add(fleet, sums) {
      const before = fleets.get(fleet) ?? {};
      const added = Object.entries(sums).map(([name, value]) => [name, (before[name] ?? 0) + value] as const);
      fleets.set(fleet, { ...before, ...Object.fromEntries(added) });
    },
    read: async (fleet) => fleets.get(fleet) ?? {},
    lose() {
      fleets.clear();
    },
    save() {
      const saved = new Map(fleets);
      return () => {
        fleets = new Map(saved);
      };
    },
  };
}
