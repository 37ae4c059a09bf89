import type { ExperimentRecord, Hypothesis, Plan } from "../../contract/experiments.ts";
import { type ParameterName, type ParameterValue, parameterOf } from "../../contract/parameters.ts";
import { type Night, enact } from "./advance.ts";
import { RAMP, isActive } from "./states.ts";

/** What was found worth trying. It waits for whoever may start it. */
export type Proposal = {
  readonly fleet: string;
  readonly parameter: ParameterName;
  readonly control: ParameterValue;
  readonly treatment: ParameterValue;
  readonly hypothesis: Hypothesis;
};

/** A draft. Its id is of the parameter and the night, so that a night that is run again proposes the same. */
export function draft(proposal: Proposal, { day, atMs }: Night): ExperimentRecord {
  const { fleet, parameter, control, treatment, hypothesis } = proposal;
  return {
    v: 1,
    rev: 0,
    fleet,
    id: `${parameter}-${day}`,
    parameter,
    unit: parameterOf(parameter).unit,
    control,
    treatment,
    hypothesis,
    plan: null,
    state: "draft",
    stages: [],
    night: null,
    bestLogE: 0,
    fixedP: null,
    looks: [],
    log: [],
    createdAtMs: atMs,
    startedAtMs: null,
    endedAtMs: null,
  };
}

/** Starts a draft with what is fixed from now on. */
export function launch(experiment: ExperimentRecord, plan: Plan, night: Night, by: string): ExperimentRecord {
  const share = RAMP[0]?.share ?? 0;
  const { hypothesis } = experiment;
  return enact(
    { ...experiment, plan, startedAtMs: night.atMs, night: night.day },
    {
      to: "running",
      share,
      reason: hypothesis.statement,
      numbers: {
        alpha: plan.alpha,
        horizonUnits: plan.horizonUnits,
        horizonNights: plan.horizonNights,
        mde: plan.mde,
      },
    },
    night,
    by,
  );
}

/** Whether a person, a pin or a switch may end it: a draft, or one that still allocates units. */
export const isStoppable = (experiment: ExperimentRecord): boolean =>
  experiment.state === "draft" || isActive(experiment);

/** Ends it without a conclusion. What it had shipped is taken back with it. */
export function stop(
  experiment: ExperimentRecord,
  reason: string,
  night: Night,
  by: string,
): ExperimentRecord {
  return enact(experiment, { to: "halted", share: null, reason, numbers: {} }, night, by);
}
