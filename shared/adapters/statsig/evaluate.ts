import type { StatsigServer } from "statsig-node";
import { type ActiveExperiment, Variant } from "../../contract/experiments.ts";
import type { AllocationUnit } from "../../ports/allocation.ts";
import { experimentName, userIdOf } from "./spec.ts";

/** Only what was evaluated by a document counts; other reasons are `Uninitialized`, `Unrecognized` and `Unsupported`. */
const EVALUATED: ReadonlySet<string | undefined> = new Set(["Network", "Bootstrap"]);

/** Loaded when first used: a megabyte that a function which never allocates need not read. */
export const loadStatsig = () => import("statsig-node");

/** Whether somebody could be in the experiment at all. */
export const mayMeet = (
  active: readonly ActiveExperiment[],
  { id }: ActiveExperiment,
  unit: AllocationUnit,
): boolean => unit.id !== "" && active.some((each) => each.id === id);

/**
 * The variant, and no exposure. A value alone proves nothing, because whoever is in no group is given the experiment's default
 * values: without a group there is no variant.
 */
export function evaluate(
  server: StatsigServer,
  experiment: ActiveExperiment,
  unit: AllocationUnit,
): Variant | null {
  const name = experimentName(unit.fleet, experiment.id);
  const config = server.getExperiment({ userID: userIdOf(unit) }, name, { disableExposureLogging: true });
  if (!EVALUATED.has(config.getEvaluationDetails()?.reason) || config.getGroupName() === null) return null;
  const variant = Variant.safeParse(config.value["variant"]);
  return variant.success ? variant.data : null;
}
