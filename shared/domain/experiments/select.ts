import type { ExperimentRecord, Tuning } from "../../contract/experiments.ts";
import { type MetricName, type ParameterName, parameterOf } from "../../contract/parameters.ts";
import { isActive } from "./states.ts";
import { isPinned } from "./tuning.ts";

/** Experiments of one fleet at once. */
export const ACTIVE_LIMIT = 5;
/** Drafts that wait for somebody: more would not be read. */
export const DRAFTS_LIMIT = 5;
/** Nights until a parameter is tried again after a trial that did not ship. */
export const REST_NIGHTS = 28;

/** Why nobody may try this parameter now, also a person, or null. */
export function whyNotTry(
  parameter: ParameterName,
  experiments: readonly ExperimentRecord[],
  tuning: Tuning,
): string | null {
  if (isPinned(tuning, parameter)) return `${parameter} is pinned`;
  const { randomised, because } = parameterOf(parameter);
  if (randomised === false)
    return `it cannot be had by a part of the fleet alone. ${(because ?? "").replace(/\.$/, "")}`;
  const before = experiments.filter((experiment) => experiment.parameter === parameter);
  const waiting = before.find(({ state }) => state === "draft");
  if (waiting) return `the draft ${waiting.id} waits already`;
  const active = before.find(isActive);
  return active ? inUse(active) : null;
}

/** Why the engine may not draft an experiment on this parameter now, or null. What people turned down rests as well. */
export function whyNotDraft(
  parameter: ParameterName,
  experiments: readonly ExperimentRecord[],
  tuning: Tuning,
  day: number,
): string | null {
  const why = whyNotTry(parameter, experiments, tuning);
  if (why !== null) return why;
  const before = experiments.filter((experiment) => experiment.parameter === parameter);
  const rested = before.every(({ log }) => day - (log.at(-1)?.night ?? -Infinity) >= REST_NIGHTS);
  if (!rested) return `${parameter} was tried in the last ${REST_NIGHTS} nights`;
  if (experiments.filter(({ state }) => state === "draft").length >= DRAFTS_LIMIT)
    return `${DRAFTS_LIMIT} drafts wait already`;
  return null;
}

/** Why no experiment on this parameter could show an effect on this metric, or null. */
export function whyNotShown(parameter: ParameterName, metric: MetricName): string | null {
  return parameterOf(parameter).moves.includes(metric)
    ? null
    : `${metric} is of the fleet as a whole, and no part of it shows it for itself; whoever wants it pins ${parameter}`;
}

/** Why a draft may not start now, or null. Never two of one layer at once: each would change what the other measures. */
export function whyNotStart(
  draft: ExperimentRecord,
  experiments: readonly ExperimentRecord[],
  tuning: Tuning,
): string | null {
  if (draft.state !== "draft") return `it is ${draft.state.replace("_", " ")} and no draft any more`;
  if (tuning.mode === "off") return "tuning is switched off";
  if (isPinned(tuning, draft.parameter)) return `${draft.parameter} is pinned`;
  const active = experiments.filter(isActive);
  if (active.length >= ACTIVE_LIMIT) return `${ACTIVE_LIMIT} experiments are under way already`;
  const { layer } = parameterOf(draft.parameter);
  const rival = active.find(({ parameter }) => parameterOf(parameter).layer === layer);
  return rival ? `${inUse(rival)}, and its parameter interacts with this one` : null;
}

const inUse = ({ id, state }: ExperimentRecord): string =>
  `${id} is ${state === "shipped" ? "shipped with a holdout" : "under way"}`;
