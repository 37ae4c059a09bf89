import type { Activity } from "../../shared/contract/session-state.ts";

/** What befell a session since its start, which outlives its agent's processes. What is not known is left out. */
export type Course = {
  /** How often it was alive without progress. */
  readonly stalls: number;
  /** What it was doing when it last was. */
  readonly stalledIn?: Activity;
  /** Mean share of what could be verified when it went on with work of others or of its own, of 1. */
  readonly fidelity?: number;
};

export type CourseKeeper = {
  stalled(activity: Activity): void;
  resumed(fidelity: number): void;
  read(): Course;
};

export function createCourse(): CourseKeeper {
  let stalls = 0;
  let stalledIn: Activity | undefined;
  const fidelities: number[] = [];
  return {
    stalled(activity) {
      stalls += 1;
      stalledIn = activity;
    },
    resumed(fidelity) {
      fidelities.push(fidelity);
    },
    read: () => ({
      stalls,
      ...(stalledIn !== undefined && { stalledIn }),
      ...(fidelities.length > 0 && {
        fidelity: fidelities.reduce((sum, one) => sum + one, 0) / fidelities.length,
      }),
    }),
  };
}
