import type {
  ArmTotals,
  ExperimentRecord,
  Look,
  Plan,
  StageTotals,
  Sums,
} from "../../shared/contract/experiments.ts";
import type { MetricName } from "../../shared/contract/parameters.ts";
import { type Night, advance } from "../../shared/domain/experiments/advance.ts";
import { draft, launch } from "../../shared/domain/experiments/lifecycle.ts";
import { isBurntIn } from "../../shared/domain/experiments/look.ts";
import { mergeTotals } from "../../shared/domain/experiments/totals.ts";

/** One experiment, night after night, by the engine's own code; what its units do is drawn. */
export type Trial = {
  readonly metric: MetricName;
  readonly unit?: "session" | "host";
  readonly nights: number;
  readonly unitsPerNight: number;
  readonly plan?: Partial<Plan>;
  /** The totals of one night's units, allocated by this share. */
  readonly units: (night: number, stage: number, treatmentShare: number) => StageTotals;
};

export const DAY_MS = 24 * 3_600_000;
/** Nights are counted from here: the study depends on no calendar. */
export const FIRST_NIGHT = 20_000;
export const ALPHA = 0.05;

export const nightOf = (index: number): Night => ({
  day: FIRST_NIGHT + index,
  atMs: (FIRST_NIGHT + index) * DAY_MS,
});

export function launched({ metric, unit = "session", nights, unitsPerNight, plan }: Trial): ExperimentRecord {
  const horizonUnits = nights * unitsPerNight;
  const proposed = draft(
    {
      fleet: "study",
      parameter: unit === "host" ? "tasksPerSession" : "checkpointIntervalMs",
      control: 1,
      treatment: 2,
      hypothesis: {
        detector: "study",
        metric,
        baseline: 0,
        effect: 0,
        interval: [0, 0],
        statement: "A trial of the study.",
        evidence: {},
      },
    },
    nightOf(0),
  );
  return launch(
    proposed,
    {
      alpha: ALPHA,
      index: 1,
      discoveries: 0,
      power: 0.8,
      mde: 0,
      horizonUnits,
      horizonNights: nights,
      tuningUnits: Math.round(horizonUnits / 4),
      maturesAfterMs: 0,
      winsorAt: null,
      covariate: null,
      guardrails: [],
      ...plan,
    },
    nightOf(0),
    "study",
  );
}

export type Ran = { readonly experiment: ExperimentRecord; readonly stages: readonly StageTotals[] };

/** Runs until it ends or ships, or the nights are over. */
export function runTrial(
  trial: Trial,
  seen: (experiment: ExperimentRecord, night: number) => void = () => undefined,
): Ran {
  let experiment = launched(trial);
  let stages: StageTotals[] = [];
  for (let night = 1; night <= trial.nights && experiment.state === "running"; night++) {
    stages = mergeTotals([stages, [trial.units(night, ...stageOf(experiment))]]);
    experiment = advance(experiment, stages, nightOf(night));
    seen(experiment, night);
  }
  return { experiment, stages };
}

/** Runs to the last night whatever is decided, and hands out what each night saw: a sequence promises to hold at all of them. */
export function watchTrial(trial: Trial): Look[] {
  let experiment = launched(trial);
  let stages: StageTotals[] = [];
  const looks: Look[] = [];
  for (let night = 1; night <= trial.nights; night++) {
    const running = experiment;
    stages = mergeTotals([stages, [trial.units(night, ...stageOf(running))]]);
    const next = advance(running, stages, nightOf(night));
    const look = next.looks.at(-1);
    if (look && isBurntIn(running, stages, night)) looks.push(look);
    experiment = next.state === "running" ? next : { ...running, looks: next.looks, night: next.night };
  }
  return looks;
}

function stageOf({ stages }: ExperimentRecord): [stage: number, treatmentShare: number] {
  return [stages.length - 1, stages.at(-1)?.treatmentShare ?? 0];
}

/** Night of the decision, counted from the launch; null if there was none. */
export function decidedAt({ log }: ExperimentRecord): number | null {
  const last = log.at(-1);
  return last?.night != null && last.to !== "running" ? last.night - FIRST_NIGHT : null;
}

export const isPromoted = ({ state }: ExperimentRecord): boolean => state === "shipping";
/** Whether the primary metric decided it, for or against the treatment. */
export const isRejected = ({ state, log }: ExperimentRecord): boolean =>
  state === "shipping" || (state === "rolled_back" && "p" in (log.at(-1)?.numbers ?? {}));

/** Sums of yes and no. */
export const countSums = (n: number, y: number): Sums => ({ n, y, yy: y, x: 0, xx: 0, xy: 0 });

/** An arm of which a count, and counted events, are known. */
export function armOf(
  metric: MetricName,
  n: number,
  y: number,
  events: Partial<Record<MetricName, number>> = {},
): ArmTotals {
  const eventSums = Object.fromEntries(
    Object.entries(events).map(([name, count]) => [name, countSums(n, count)]),
  );
  return { exposed: n, metrics: { ...eventSums, [metric]: countSums(n, y) }, hosts: {}, events };
}
