import type { FleetRecord, TaskRecord } from "../../shared/contract/records.ts";
import type { Rules } from "../../shared/contract/rules.ts";
import type { Complain } from "./laws.ts";

/** Beyond DESIGN's twenty: nothing that is paused starts. */
export const PAUSED = 22;
/** A function that read the rules before they changed may still act on them: as long as any function runs. */
const UNDER_WAY_MS = 30_000;

const NOTHING: Rules = {
  paused: { fleet: false, groups: [], types: [], keys: [] },
  limits: { types: {}, keys: {} },
};

/** Watches what operators have paused, and since when. */
export function createPauses(complain: Complain, nowMs: () => number) {
  const rules = new Map<string, Rules>();
  const since = new Map<string, number>();

  const namesOf = (fleet: string, { paused }: Rules) => [
    ...(paused.fleet ? [`${fleet}/`] : []),
    ...paused.groups.map((name) => `${fleet}/group:${name}`),
    ...paused.types.map((name) => `${fleet}/type:${name}`),
    ...paused.keys.map((name) => `${fleet}/key:${name}`),
  ];

  return {
    rulesOf: (fleet: string): Rules => rules.get(fleet) ?? NOTHING,
    sawFleet(fleet: FleetRecord): void {
      const next = fleet.rules ?? NOTHING;
      rules.set(fleet.fleet, next);
      const names = namesOf(fleet.fleet, next);
      for (const name of since.keys())
        if (name.startsWith(`${fleet.fleet}/`) && !names.includes(name)) since.delete(name);
      for (const name of names) since.set(name, since.get(name) ?? nowMs());
    },
    started({ fleet, id, group, type, key }: TaskRecord): void {
      const concerning = ["", `group:${group ?? ""}`, `type:${type}`, `key:${key ?? ""}`];
      for (const name of concerning) {
        const sinceMs = since.get(`${fleet}/${name}`);
        if (sinceMs !== undefined && nowMs() - sinceMs > UNDER_WAY_MS)
          complain(
            PAUSED,
            `${id} starts though ${name || "the fleet"} was paused ${nowMs() - sinceMs} ms ago`,
          );
      }
    },
  };
}
