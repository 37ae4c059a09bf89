import { createHash } from "node:crypto";
import type { ActiveExperiment, Variant } from "../../contract/experiments.ts";
import type { AllocationUnit } from "../../ports/allocation.ts";

/** Parts that Statsig's `user_bucket` knows. Two of them, one within the other, part units by a millionth. */
const BUCKETS = 1_000;
/** Characters of a fleet's and of an experiment's id that are kept in a name, for people; the hash tells names apart. */
const FLEET_CHARACTERS = 30;
const EXPERIMENT_CHARACTERS = 45;
const HASH_CHARACTERS = 12;
const ID_TYPE = "userID";

type Condition = {
  readonly type: "user_bucket" | "public";
  readonly operator: "lt" | null;
  readonly targetValue: number | null;
  readonly field: null;
  readonly additionalValues: { readonly salt?: string };
  readonly idType: typeof ID_TYPE;
};
type Rule = {
  readonly id: Variant;
  readonly name: Variant;
  readonly groupName: Variant;
  readonly salt: string;
  readonly passPercentage: 100;
  readonly idType: typeof ID_TYPE;
  readonly isExperimentGroup: true;
  readonly conditions: readonly Condition[];
  readonly returnValue: { readonly variant: Variant };
};
type ExperimentSpec = {
  readonly name: string;
  readonly type: "dynamic_config";
  readonly entity: "experiment";
  readonly salt: string;
  readonly enabled: true;
  readonly isActive: true;
  readonly idType: typeof ID_TYPE;
  readonly defaultValue: Readonly<Record<string, never>>;
  readonly rules: readonly Rule[];
};
/** What statsig-node is bootstrapped from: the part of Statsig's own document that says who is treated. */
export type BootstrapSpec = {
  readonly has_updates: true;
  /** Not 0, or the SDK takes the document for none. */
  readonly time: 1;
  readonly feature_gates: readonly never[];
  readonly layer_configs: readonly never[];
  readonly dynamic_configs: readonly ExperimentSpec[];
};

const slug = (id: string, characters: number) =>
  id
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "_")
    .slice(0, characters);

/**
 * What an experiment is called in Statsig, there as name and as id: small letters, digits and `_`, at most 100. Unlike those of other
 * fleets in the same project.
 */
export function experimentName(fleet: string, experiment: string): string {
  // No id contains a slash.
  const hash = createHash("sha256").update(`${fleet}/${experiment}`).digest("hex").slice(0, HASH_CHARACTERS);
  return `shim_${slug(fleet, FLEET_CHARACTERS)}_${slug(experiment, EXPERIMENT_CHARACTERS)}_${hash}`;
}

/** A unit as Statsig knows it: unlike those of other kinds and fleets in the same project. */
export const userIdOf = ({ fleet, kind, id }: AllocationUnit): string => `${fleet}/${kind}/${id}`;

const everyone: Condition = {
  type: "public",
  operator: null,
  targetValue: null,
  field: null,
  additionalValues: {},
  idType: ID_TYPE,
};
const bucketBelow = (salt: string, targetValue: number): Condition => ({
  ...everyone,
  type: "user_bucket",
  operator: "lt",
  targetValue,
  additionalValues: { salt },
});

function ruleOf(variant: Variant, salt: string, conditions: readonly Condition[]): Rule {
  return {
    id: variant,
    name: variant,
    groupName: variant,
    salt,
    passPercentage: 100,
    idType: ID_TYPE,
    isExperimentGroup: true,
    conditions,
    returnValue: { variant },
  };
}

/**
 * The salts know fleet and experiment and not the share, and rules only say "below": whoever is treated at a share is
 * treated at every larger one. The second rule parts the one bucket that the share ends in.
 */
function specOf(fleet: string, { id, treatmentShare }: ActiveExperiment): ExperimentSpec {
  const salt = `${fleet}/${id}`;
  const fineSalt = `${salt}/fine`;
  const share = Math.min(1, Math.max(0, treatmentShare));
  const parts = Math.round(share * BUCKETS * BUCKETS);
  const whole = Math.floor(parts / BUCKETS);
  return {
    name: experimentName(fleet, id),
    type: "dynamic_config",
    entity: "experiment",
    salt,
    enabled: true,
    isActive: true,
    idType: ID_TYPE,
    defaultValue: {},
    rules: [
      ruleOf("treatment", salt, [bucketBelow(salt, whole)]),
      ruleOf("treatment", salt, [bucketBelow(salt, whole + 1), bucketBelow(fineSalt, parts % BUCKETS)]),
      ruleOf("control", salt, [everyone]),
    ],
  };
}

/** The experiments of a fleet as Statsig would deliver them. */
export function bootstrapOf(fleet: string, active: readonly ActiveExperiment[]): BootstrapSpec {
  return {
    has_updates: true,
    time: 1,
    feature_gates: [],
    layer_configs: [],
    dynamic_configs: active.map((experiment) => specOf(fleet, experiment)),
  };
}
