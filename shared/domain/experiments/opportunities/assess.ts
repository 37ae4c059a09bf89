import type { Plan } from "../../../contract/experiments.ts";
import { METRICS, type MetricName, parameterOf } from "../../../contract/parameters.ts";
import { CLUSTERS_MINIMUM } from "../estimate.ts";
import { HORIZON_NIGHTS, type History, type Series, planExperiment } from "../plan.ts";
import { type Finding, count, duration, percent, short } from "./finding.ts";

export type Assessed =
  { readonly kind: "worth"; readonly plan: Plan } | { readonly kind: "refused"; readonly why: string };

/** What an experiment on a finding would take; refused if the fleet's traffic cannot show its effect in time, and why. */
export function assess(
  { parameter, hypothesis }: Pick<Finding, "parameter" | "hypothesis">,
  history: History,
  series: Series,
): Assessed {
  const { metric } = hypothesis;
  const units = `${METRICS[metric].of}s`;
  if (history.unitsPerNight === 0)
    return refused(`Of no ${METRICS[metric].of} of the last weeks that would use it, ${metric} is known.`);
  const hosts = 2 * CLUSTERS_MINIMUM;
  if (parameterOf(parameter).unit === "host" && (history.hosts ?? 0) < hosts)
    return refused(
      `It is tried on whole hosts, of which at least ${hosts} are needed; ${history.hosts ?? 0} had ${units} in the last weeks.`,
    );
  const planned = planExperiment(parameter, hypothesis, history, series);
  if (planned.kind === "planned") return { kind: "worth", plan: planned.plan };
  const { unitsNeeded, nights, detectable } = planned;
  if (!Number.isFinite(unitsNeeded)) return refused(`No effect on ${metric} is expected.`);
  return refused(
    `An effect of ${amount(metric, Math.abs(hypothesis.effect))} on ${metric} needs ${count(unitsNeeded)} ${units}, ` +
      `which take ${count(nights)} nights at ${short(history.unitsPerNight)} a night; ` +
      `in ${HORIZON_NIGHTS} nights only ${amount(metric, detectable)} could be shown.`,
  );
}

const refused = (why: string): Assessed => ({ kind: "refused", why });

/** Of a metric, in its unit. */
function amount(metric: MetricName, value: number): string {
  if (METRICS[metric].kind === "proportion") return `${percent(value).replace(" %", "")} percentage points`;
  return metric.endsWith("Ms") ? duration(value) : String(short(value));
}
