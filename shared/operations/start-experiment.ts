import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import type { ExperimentDetail, ExperimentRequest } from "../contract/experiment-routes.ts";
import type { ExperimentRecord } from "../contract/experiments.ts";
import { METRICS, type MetricName, parameterOf } from "../contract/parameters.ts";
import { historyFor } from "../domain/experiments/history.ts";
import { draft } from "../domain/experiments/lifecycle.ts";
import { assess } from "../domain/experiments/opportunities/assess.ts";
import { type Values, isAllowed, valuesOf } from "../domain/experiments/parameters.ts";
import { nextInSeries } from "../domain/experiments/plan.ts";
import { whyNotStart, whyNotTry } from "../domain/experiments/select.ts";
import { NO_TUNING } from "../domain/experiments/tuning.ts";
import { whatIsAllowed } from "../domain/experiments/views.ts";
import type { Ports } from "../ports/ports.ts";
import { OPERATOR, approveExperiment } from "./decide-experiment.ts";
import { fleetOf } from "./fleet-of.ts";
import { readRollups } from "./roll-up-days.ts";
import { nightAt } from "./run-night.ts";

/**
 * Drafts a trial of somebody's own choice and starts it. Everything is asked before anything is written: what is refused leaves no
 * draft behind.
 */
export async function startExperiment(
  ports: Ports,
  fleet: string,
  request: ExperimentRequest,
): Promise<{ experiment: ExperimentDetail } | Refusal> {
  const { parameter } = request;
  const settings = await fleetOf(ports, fleet);
  const tuning = settings.tuning ?? NO_TUNING;
  const asked = checked(request, valuesOf(settings));
  if (isRefusal(asked)) return asked;
  const experiments = await ports.record.experiments.list(fleet);
  // Of a start that was killed half-way.
  const same = experiments.find((one) => one.state === "draft" && isOf(request, asked.metric, one));
  if (same) return approveExperiment(ports, fleet, same.id);
  const nowMs = ports.clock.nowMs();
  const night = { ...nightAt(nowMs), atMs: nowMs };
  const why = whyNotTry(parameter, experiments, tuning);
  if (why !== null) return refuse("experiment.refused", `It cannot be started: ${why}.`);
  const rollups = await readRollups(ports, fleet, night.day);
  const hypothesis = hypothesisOf(request, asked.metric);
  const history = historyFor(rollups, { parameter, hypothesis });
  const drafted = draft(
    { fleet, parameter, ...asked, hypothesis: { ...hypothesis, baseline: history.mean } },
    night,
  );
  const named = { ...drafted, id: unusedId(drafted.id, experiments) };
  const whyNot = whyNotStart(named, experiments, tuning);
  if (whyNot !== null) return refuse("experiment.refused", `It cannot be started: ${whyNot}.`);
  const assessed = assess(named, history, nextInSeries(experiments));
  if (assessed.kind === "refused")
    return refuse("experiment.refused", `It cannot be started: ${assessed.why}`);
  if (!(await ports.record.experiments.commit(null, named)))
    return refuse("experiment.refused", `${named.id} was drafted by somebody else at the same time.`);
  return approveExperiment(ports, fleet, named.id);
}

type Asked = { metric: MetricName; control: number | string; treatment: number | string };

/** What is asked for, if there can be such a trial at all. */
function checked(
  { parameter, treatment, effect, metric }: ExperimentRequest,
  values: Values,
): Asked | Refusal {
  const known = parameterOf(parameter);
  const decides = metric ?? known.moves[0];
  if (!isAllowed(parameter, treatment))
    return refuse("parameter.invalid", `${parameter} may be ${whatIsAllowed(known)}.`);
  if (decides === undefined || !known.moves.includes(decides))
    return refuse("parameter.invalid", `${parameter} may be decided by ${known.moves.join(", ")}.`);
  const control = values[parameter];
  if (control === treatment)
    return refuse("parameter.invalid", `${parameter} is ${treatment} already: there is nothing to compare.`);
  if (METRICS[decides].kind === "proportion" && effect >= 1)
    return refuse(
      "parameter.invalid",
      `${decides} is a proportion: an effect of 5 percentage points is 0.05, and none is 1 or more.`,
    );
  return { metric: decides, control, treatment };
}

function hypothesisOf(request: ExperimentRequest, metric: MetricName): ExperimentRecord["hypothesis"] {
  const { parameter, treatment, effect, statement } = request;
  const expected = METRICS[metric].lowerIsBetter ? -effect : effect;
  return {
    detector: OPERATOR,
    metric,
    baseline: 0,
    effect: expected,
    interval: [expected, expected],
    statement: statement ?? `Somebody wants to know what ${parameter} ${treatment} does to ${metric}.`,
    evidence: {},
  };
}

const isOf = ({ parameter, treatment }: ExperimentRequest, metric: MetricName, one: ExperimentRecord) =>
  one.parameter === parameter &&
  one.treatment === treatment &&
  one.hypothesis.metric === metric &&
  one.hypothesis.detector === OPERATOR;

/** Ids are of the night; what follows another in the same night has a number. */
function unusedId(id: string, experiments: readonly ExperimentRecord[]): string {
  const taken = new Set(experiments.map((one) => one.id));
  let unused = id;
  for (let n = 2; taken.has(unused); n++) unused = `${id}-${n}`;
  return unused;
}
