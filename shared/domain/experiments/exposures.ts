import type { ExposedUnit, Exposures, UnitRecord } from "../../contract/experiments.ts";

/** Those that came to be after `before`. */
export function newExposures(before: Exposures | undefined, after: Exposures | undefined): Exposures {
  const fresh = Object.entries(after ?? {}).filter(
    ([experiment]) => !Object.hasOwn(before ?? {}, experiment),
  );
  return Object.fromEntries(fresh);
}

/** What experiments know a unit by, whether it has ended or not. */
export type UnitFacts = Pick<
  UnitRecord,
  "fleet" | "kind" | "id" | "generation" | "host" | "agent" | "type" | "repository"
>;

/** A unit as each of these experiments files it: with its outcome, if it has one. */
export function exposedUnitsOf(
  unit: UnitFacts & { readonly outcome?: UnitRecord["outcome"] },
  exposures: Exposures | undefined,
): ExposedUnit[] {
  const { fleet, kind, id, generation, host, agent, type, repository, outcome = null } = unit;
  const facts = { fleet, kind, id, generation, host, agent, type, repository };
  return Object.entries(exposures ?? {}).map(([experiment, exposure]) => ({
    v: 1,
    experiment,
    ...facts,
    ...exposure,
    outcome,
  }));
}
