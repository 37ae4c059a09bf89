import type { ExperimentDetail, ExperimentSummary, TuningView } from "../../contract/experiment-routes.ts";
import type { ExperimentRecord, Tuning } from "../../contract/experiments.ts";
import { METRICS, type Parameter, ParameterName, parameterOf } from "../../contract/parameters.ts";
import { normalCdf } from "../statistics/distributions.ts";
import { hybridP } from "./advance.ts";

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));

export function summaryOf(experiment: ExperimentRecord): ExperimentSummary {
  const { id, parameter, unit, control, treatment, state, hypothesis, log, stages, plan } = experiment;
  return {
    id,
    parameter,
    unit,
    metric: hypothesis.metric,
    control,
    treatment,
    state,
    treatmentShare: log.at(-1)?.treatmentShare ?? 0,
    statement: hypothesis.statement,
    nights: (experiment.night ?? 0) - (stages[0]?.sinceNight ?? experiment.night ?? 0),
    horizonNights: plan?.horizonNights ?? null,
    horizonUnits: plan?.horizonUnits ?? null,
    result: resultOf(experiment),
    reason: log.at(-1)?.reason ?? null,
    createdAt: iso(experiment.createdAtMs),
    startedAt: isoOrNull(experiment.startedAtMs),
    endedAt: isoOrNull(experiment.endedAtMs),
  };
}

function resultOf(experiment: ExperimentRecord): ExperimentSummary["result"] {
  const look = experiment.looks.at(-1);
  if (!look) return null;
  const { control, treatment, controlMean, treatmentMean, estimate, interval } = look;
  return {
    control,
    treatment,
    controlMean,
    treatmentMean,
    estimate,
    lower: interval?.[0] ?? null,
    upper: interval?.[1] ?? null,
    p: hybridP(experiment),
    probabilityToBeat: probabilityToBeat(experiment),
  };
}

/** By a flat prior and a normal likelihood: what people expect to read, and never what decides. */
function probabilityToBeat({ looks, hypothesis: { metric } }: ExperimentRecord): number | null {
  const { estimate = null, standardError = null } = looks.at(-1) ?? {};
  if (estimate === null || standardError === null || standardError <= 0) return null;
  return normalCdf(((METRICS[metric].lowerIsBetter ? -1 : 1) * estimate) / standardError);
}

export function detailOf(experiment: ExperimentRecord): ExperimentDetail {
  const { hypothesis, plan, looks, log } = experiment;
  return { ...summaryOf(experiment), hypothesis, plan, looks, log };
}

/** @param values what the fleet uses where nobody is in an experiment */
export function tuningView(
  tuning: Tuning,
  values: Readonly<Record<ParameterName, number | string>>,
): TuningView {
  return {
    mode: tuning.mode,
    version: tuning.version,
    parameters: ParameterName.options.map((name) => ({
      name,
      title: parameterOf(name).title,
      value: values[name],
      source: name in tuning.pinned ? "pinned" : name in tuning.values ? "shipped" : "default",
      default: parameterOf(name).default,
      allowed: allowedOf(parameterOf(name)),
      unit: parameterOf(name).unit,
      metrics: [...parameterOf(name).moves],
      randomised: parameterOf(name).randomised !== false,
    })),
  };
}

/** In words, for a table. */
function allowedOf(parameter: Parameter): string {
  if (parameter.type === "choice") return parameter.choices.join(", ");
  const [lowest, highest] = parameter.bounds.critical;
  return `${lowest} to ${highest}`;
}

/** The same in a sentence. */
export function whatIsAllowed(parameter: Parameter): string {
  const allowed = allowedOf(parameter);
  if (parameter.type === "choice") return `one of ${allowed}`;
  return parameter.type === "integer" ? `a whole number, ${allowed}` : `a number, ${allowed}`;
}
