import type { ExperimentRecord, Tuning } from "../../contract/experiments.ts";
import type { ParameterName, ParameterValues } from "../../contract/parameters.ts";
import { canonicalJson } from "../canonical-json.ts";
import { activeOf, isActive } from "./states.ts";

/** A fleet that nobody has chosen anything for: proposals are made, and wait. */
export const NO_TUNING: Tuning = { mode: "suggest", version: 0, values: {}, pinned: {}, active: [] };

/**
 * What a fleet uses, by its experiments: the treatments that were shipped and not taken back, in their order, and who is in an
 * experiment now. Derived anew each time, so that a killed function's half of a change is completed by whoever comes next, and taking
 * one back restores what was used before it. The version rises only if units may receive something else.
 *
 * @param changed `previous` with what people chose since
 */
export function tuningFrom(
  previous: Tuning,
  changed: Tuning,
  experiments: readonly ExperimentRecord[],
): Tuning {
  const shipped = experiments
    .flatMap((experiment) => {
      const at = experiment.log.find(({ to }) => to === "shipped")?.atMs;
      return experiment.state === "shipped" && at !== undefined ? [{ ...experiment, at }] : [];
    })
    .sort((a, b) => a.at - b.at);
  const values: ParameterValues = {};
  for (const { parameter, treatment } of shipped) values[parameter] = treatment;
  const active = experiments.flatMap((experiment) => activeOf(experiment) ?? []);
  const next = { ...changed, values, active };
  if (canonicalJson(previous) === canonicalJson(next)) return previous;
  return usedOf(previous) === usedOf(next) ? next : { ...next, version: previous.version + 1 };
}

/** What units may receive by it, as text that is equal if it is. */
const usedOf = ({ values, pinned, active }: Tuning): string => canonicalJson([values, pinned, active]);

/** Why an active experiment may not go on by what people chose, or null. */
export function forbiddenBy({ mode, pinned }: Tuning, experiment: ExperimentRecord): string | null {
  // What was shipped is tried no more: it stays, under the pin as well, and is used again when that is taken back.
  if (!isActive(experiment) || experiment.state === "shipped") return null;
  if (experiment.parameter in pinned) return `${experiment.parameter} was pinned`;
  return mode === "off" ? "tuning was switched off" : null;
}

/** Parameters that people fixed. */
export const isPinned = ({ pinned }: Tuning, parameter: ParameterName): boolean => parameter in pinned;
