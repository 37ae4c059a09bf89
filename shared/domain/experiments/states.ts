import type { ActiveExperiment, ExperimentRecord, ExperimentState } from "../../contract/experiments.ts";

/** Which state may follow which. What is not listed here is refused, whoever asks. */
export const TRANSITIONS: Readonly<Record<ExperimentState, readonly ExperimentState[]>> = {
  draft: ["running", "halted"],
  running: ["shipping", "rolled_back", "inconclusive", "halted"],
  shipping: ["shipped", "rolled_back", "halted"],
  shipped: ["rolled_back", "halted"],
  rolled_back: [],
  inconclusive: [],
  halted: [],
};

/** A share of the treatment, and the nights that it is kept at least before the next. */
export type Step = { readonly share: number; readonly nights: number };

/** While it is tried, one after the other. A decision for it is made at the last alone. */
export const RAMP: readonly Step[] = [
  { share: 0.1, nights: 1 },
  { share: 0.25, nights: 1 },
  { share: 0.5, nights: Infinity },
];
/** While it is shipped. What is left at the last is the holdout, which shows harm that comes late. */
export const SHIPPING: readonly Step[] = [
  { share: 0.75, nights: 2 },
  { share: 0.95, nights: 2 },
];
/** Nights that a holdout is kept after shipping. */
export const HOLDOUT_NIGHTS = 28;

/** The step of a share, and the one after it; null after the last. */
export function stepOf(steps: readonly Step[], share: number): { nights: number; next: number | null } {
  const at = steps.findIndex((step) => step.share === share);
  return { nights: steps[at]?.nights ?? 0, next: steps[at + 1]?.share ?? null };
}

/** The share at which both arms weigh the same. */
export const EQUAL_SHARE = 0.5;

/** Whether units are allocated by it: also for the holdout of one that shipped. */
export const isActive = ({ state, endedAtMs }: Pick<ExperimentRecord, "state" | "endedAtMs">): boolean =>
  endedAtMs === null && (state === "running" || state === "shipping" || state === "shipped");

/** As those who allocate units know it; null if it allocates none. */
export function activeOf(experiment: ExperimentRecord): ActiveExperiment | null {
  const { id, parameter, unit, control, treatment, stages } = experiment;
  const current = stages.at(-1);
  if (!isActive(experiment) || !current) return null;
  return {
    id,
    parameter,
    unit,
    stage: stages.length - 1,
    treatmentShare: current.treatmentShare,
    control,
    treatment,
  };
}
