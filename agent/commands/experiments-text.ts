import type {
  ExperimentDetail,
  ExperimentSummary,
  ExperimentsAnswer,
  TuningView,
} from "../../shared/contract/experiment-routes.ts";
import { METRICS } from "../../shared/contract/parameters.ts";
import { amountOf, chance, differenceOf, percent, short, valueText } from "./amounts.ts";
import { plotSequence } from "./sequence-plot.ts";
import { formatAge, formatTable, wrap } from "./text.ts";

/** Of what is drawn where there is no terminal. */
const PLOT_COLUMNS = 80;
const INDENT = "    ";
const MODES = {
  off: "nothing is proposed or tried",
  suggest: "proposals wait for approval",
  auto: "proposals start by themselves",
} as const;

/** @param columns of the terminal; Infinity where there is none, so that no sentence is cut for a script */
export function describeAll(
  { experiments, tuning, notProposed }: ExperimentsAnswer,
  nowMs: number,
  columns: number,
): string {
  const rows = experiments.map((one) => [
    one.id,
    stateOf(one),
    valuesOf(one),
    one.state === "draft" ? "-" : percent(one.treatmentShare),
    formatAge(one.endedAt ?? one.startedAt ?? one.createdAt, nowMs),
  ]);
  const [heading = "", ...lines] = formatTable(
    ["EXPERIMENT", "STATE", "VALUES", "TREATED", "SINCE"],
    rows,
  ).split("\n");
  const notes = experiments.map((one) => notesOf(one).map((note) => wrap(note, columns, INDENT)));
  return [
    modeLine(tuning),
    "",
    ...(rows.length === 0
      ? [
          wrap(
            "Nothing was tried yet. Proposals are made at night, from at least a few days of work.",
            columns,
          ),
        ]
      : [heading, ...lines.flatMap((line, i) => [line, ...(notes[i] ?? [])])]),
    ...(notProposed.length > 0
      ? [
          "",
          "Seen by the last night, and not proposed:",
          ...notProposed.map(({ parameter, why }) => wrap(`${parameter}: ${why}`, columns, INDENT)),
        ]
      : []),
  ].join("\n");
}

/** What matters of an experiment in its state. */
function notesOf(one: ExperimentSummary): string[] {
  const { id, state, statement, nights, horizonNights, horizonUnits, reason, metric } = one;
  if (state === "draft") return [statement, `shim experiments approve ${id}`];
  const seen = `${metric} ${effectOf(one)}`;
  if (state !== "running") return [one.result ? `${seen}: ${sentence(reason)}` : sentence(reason)];
  const units = (one.result?.control ?? 0) + (one.result?.treatment ?? 0);
  const known = `${short(units)} of ${short(horizonUnits ?? 0)} units`;
  return [`${seen}; night ${nights} of ${horizonNights ?? 0}, ${known}`];
}

/** A difference with its interval, as far as there is one. */
function effectOf({ result, metric }: ExperimentSummary): string {
  if (!result || result.estimate === null) return "not known yet";
  const { estimate, lower, upper } = result;
  if (lower === null || upper === null) return differenceOf(metric, estimate);
  const [from, to] = [differenceOf(metric, lower), differenceOf(metric, upper)];
  const [, unit] = to.split(" ");
  // One unit is said once.
  const start = unit !== undefined && from.endsWith(` ${unit}`) ? from.slice(0, -unit.length - 1) : from;
  return `${differenceOf(metric, estimate)} (${start} to ${to})`;
}

/** What has become of it, in a line. */
export function outcomeOf(one: ExperimentSummary): string {
  if (one.state === "draft") return `${one.id} is a draft. It waits for: shim experiments approve ${one.id}`;
  return `${one.id} is ${stateOf(one)}: ${sentence(one.reason)}`;
}

export function describeOne(one: ExperimentDetail, columns: number): string {
  const facts = factsOf(one);
  const margin = Math.max(...facts.map(([name]) => name.length)) + 2;
  const first = one.looks[0]?.night ?? 0;
  const nights = one.looks.map((look) => ({ ...look, night: look.night - first + 1 }));
  const plot =
    one.state === "draft"
      ? []
      : [
          "",
          `Difference of ${one.metric}, treatment - control, with its confidence sequence:`,
          "",
          plotSequence(nights, Number.isFinite(columns) ? columns : PLOT_COLUMNS, (value) =>
            differenceOf(one.metric, value),
          ),
        ];
  return [
    wrap(outcomeOf(one), columns),
    "",
    ...facts.map(
      ([name, text]) => `${name.padEnd(margin)}${wrap(text, columns, " ".repeat(margin)).trimStart()}`,
    ),
    ...plot,
    ...(one.log.length > 0 ? ["", logOf(one, columns)] : []),
  ].join("\n");
}

type Fact = readonly [name: string, text: string];

function factsOf(one: ExperimentDetail): Fact[] {
  const { metric, hypothesis, parameter, unit } = one;
  const better = METRICS[metric].lowerIsBetter ? "less" : "more";
  return [
    ["tries", `${parameter} ${valuesOf(one)}, ${unit} by ${unit}`],
    ["decided by", `${metric}, of which ${better} is better`],
    ["because", hypothesis.statement],
    ...planOf(one),
    ...resultOf(one),
    ...numbersOf(one),
  ];
}

function planOf({ plan, metric, hypothesis }: ExperimentDetail): Fact[] {
  if (!plan) return [];
  const finds = `finds ${differenceOf(metric, hypothesis.effect)} with a power of ${percent(plan.power)}`;
  const until = `by ${short(plan.horizonUnits)} units or ${plan.horizonNights} nights`;
  const guarded = plan.guardrails.map((guard) => guard.metric).join(", ");
  return [
    ["plan", `${finds}, ${until}, at level ${short(plan.alpha)} (experiment ${plan.index} of this fleet)`],
    ["guarded", guarded || "by nothing but its own metric"],
  ];
}

function resultOf(one: ExperimentDetail): Fact[] {
  const { metric, result } = one;
  if (!result) return [];
  const arm = (mean: number | null, units: number) =>
    `${mean === null ? "not known yet," : amountOf(metric, mean)} of ${short(units)} units`;
  const { probabilityToBeat: better } = result;
  return [
    ["control", arm(result.controlMean, result.control)],
    ["treatment", arm(result.treatmentMean, result.treatment)],
    ["difference", `${effectOf(one)}, p ${short(result.p)}`],
    ...(better === null
      ? []
      : [
          ["to beat", `${chance(better)} that the treatment is better; shown, and never decided by`] as const,
        ]),
  ];
}

/** What the last decision against a treatment was made by. */
function numbersOf({ metric, log }: ExperimentDetail): Fact[] {
  const { to, numbers = {} } = log.at(-1) ?? {};
  if (to !== "rolled_back" && to !== "inconclusive" && to !== "halted") return [];
  const ofMetric = new Set(["estimate", "lower", "upper"]);
  const said = Object.entries(numbers).map(([name, value]) => {
    if (typeof value === "string") return `${name} ${value}`;
    return `${name} ${ofMetric.has(name) ? differenceOf(metric, value) : short(value)}`;
  });
  return said.length === 0 ? [] : [["in numbers", said.join(", ")]];
}

function logOf({ log }: ExperimentDetail, columns: number): string {
  return formatTable(
    ["WHEN (UTC)", "BY", "STATE", "TREATED", "WHY"],
    log.map(({ atMs, by, to, treatmentShare, reason }) => [
      new Date(atMs).toISOString().slice(0, 16).replace("T", " "),
      by,
      to.replace("_", " "),
      percent(treatmentShare),
      reason,
    ]),
    columns,
  );
}

export function describeTuning(tuning: TuningView, columns: number): string {
  const rows = tuning.parameters.map(({ name, value, source, allowed }) => {
    const words = valueText(name, value);
    return [name, words === String(value) ? words : `${value} (${words})`, source, allowed];
  });
  const [heading = "", ...lines] = formatTable(["PARAMETER", "VALUE", "BY", "ALLOWED"], rows).split("\n");
  const notes = tuning.parameters.map(({ title, unit, metrics, randomised }) => [
    wrap(title, columns, INDENT),
    wrap(
      randomised ? `tried ${unit} by ${unit}, decided by ${metrics.join(", ")}` : "never tried, only pinned",
      columns,
      INDENT,
    ),
  ]);
  return [modeLine(tuning), "", heading, ...lines.flatMap((line, i) => [line, ...(notes[i] ?? [])])].join(
    "\n",
  );
}

const modeLine = ({ mode, version }: TuningView): string =>
  `Mode ${mode}: ${MODES[mode]}. Configuration ${version}.`;
const stateOf = ({ state }: ExperimentSummary): string => state.replace("_", " ");
const valuesOf = ({ parameter, control, treatment }: ExperimentSummary): string =>
  `${valueText(parameter, control)} -> ${valueText(parameter, treatment)}`;
/** Reasons are clauses, and statements are sentences. */
const sentence = (text: string | null): string =>
  `${(text ?? "nothing was decided yet").replace(/\.$/, "")}.`;

/** What the last night saw of the weeks before it. */
export function describeWeeks(observed: readonly string[], columns: number): string {
  return observed.length === 0
    ? "No night has looked at this fleet yet, or nothing has ended since."
    : observed.map((sentence) => wrap(sentence, columns, "  ")).join("\n");
}
