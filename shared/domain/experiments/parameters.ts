import type { ActiveExperiment, Exposures, Tuning, Variant } from "../../contract/experiments.ts";
import {
  PARAMETER_DEFAULTS,
  type PARAMETERS,
  ParameterName,
  type ParameterValue,
  type ParameterValues,
  type UnitKind,
  parameterOf,
} from "../../contract/parameters.ts";
import type { FleetRecord } from "../../contract/records.ts";

type ValueOf<P> = P extends { readonly choices: readonly (infer Choice)[] } ? Choice : number;
/** A value of each parameter. */
export type Values = { readonly [N in ParameterName]: ValueOf<(typeof PARAMETERS)[N]> };

/** Whether a parameter may have this value, whoever set it: what is outside of its critical bounds is never used. */
export function isAllowed(name: ParameterName, value: ParameterValue): boolean {
  const parameter = parameterOf(name);
  if (parameter.type === "choice") return parameter.choices.some((choice) => choice === value);
  const [lowest, highest] = parameter.bounds.critical;
  if (typeof value !== "number" || !(value >= lowest && value <= highest)) return false;
  return parameter.type === "number" || Number.isInteger(value);
}

/**
 * What is used where nobody is in an experiment: what a person pinned, else what was shipped, else `base`. A value that may not be is
 * passed over.
 *
 * @param base what is used without any tuning: the defaults, unless the fleet itself has a setting
 */
export function valuesFor(
  tuning: Pick<Tuning, "values" | "pinned"> | undefined,
  base: Readonly<Record<ParameterName, ParameterValue>> = PARAMETER_DEFAULTS,
): Values {
  const valueOf = (name: ParameterName) =>
    [tuning?.pinned[name], tuning?.values[name]].find(
      (value) => value !== undefined && isAllowed(name, value),
    ) ?? base[name];
  return Object.fromEntries(ParameterName.options.map((name) => [name, valueOf(name)])) as Values;
}

type Settings = Pick<FleetRecord, "profile" | "policy" | "tuning">;

/** What a fleet uses without any tuning: its operators choose the profile and the policy, and all else is the default. */
export function untunedOf({ profile, policy }: Settings): Values {
  const chosen = { heartbeatProfile: profile, ...(policy && { balancerPolicy: policy }) };
  return { ...(PARAMETER_DEFAULTS as Values), ...chosen };
}

/** What a fleet uses where nobody is in an experiment. */
export function valuesOf(fleet: Settings): Values {
  return valuesFor(fleet.tuning, untunedOf(fleet));
}

/** Those of the values that are others than in `base`. */
export function differences(values: Values, base: Values): ParameterValues {
  return Object.fromEntries(
    ParameterName.options.flatMap((name) => (values[name] === base[name] ? [] : [[name, values[name]]])),
  );
}

/**
 * Experiments that units of a kind may be in now. What a person pinned is not randomised, nor what the registry says never is, and
 * an experiment with a variant that may not be used is none.
 */
export function allocatable(tuning: Tuning | undefined, kind: UnitKind): readonly ActiveExperiment[] {
  return (tuning?.active ?? []).filter(
    ({ parameter, unit, control, treatment }) =>
      unit === kind &&
      tuning?.pinned[parameter] === undefined &&
      parameterOf(parameter).randomised !== false &&
      isAllowed(parameter, control) &&
      isAllowed(parameter, treatment),
  );
}

/** What a variant of an experiment is given. */
export function valueOfVariant({ control, treatment }: ActiveExperiment, variant: Variant): ParameterValue {
  return variant === "control" ? control : treatment;
}

/** The experiment on a task's parameter that it may be in now; null if there is none. */
export function taskExperiment(tuning: Tuning | undefined, name: ParameterName): ActiveExperiment | null {
  return allocatable(tuning, "task").find(({ parameter }) => parameter === name) ?? null;
}

/**
 * What is used on a task without asking for a variant: of the experiment that it has met, else what the fleet uses. It goes on as
 * it began, for as long as the experiment does.
 */
export function metValue<N extends ParameterName>(
  fleet: Settings,
  exposures: Exposures | undefined,
  name: N,
): Values[N] {
  const experiment = taskExperiment(fleet.tuning, name);
  const met = experiment && exposures?.[experiment.id];
  return met ? (valueOfVariant(experiment, met.variant) as Values[N]) : valuesOf(fleet)[name];
}
