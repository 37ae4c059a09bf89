import type { ExperimentRecord, ExposedUnit, Plan, StageTotals } from "../contract/experiments.ts";
import { METRICS, type MetricName } from "../contract/parameters.ts";
import type { Night } from "../domain/experiments/advance.ts";
import { dayOf } from "../domain/experiments/day.ts";
import { SAFETY_BOUNDS } from "../domain/experiments/safety-bounds.ts";
import {
  type Counting,
  type Totals,
  addUnit,
  mergeTotals,
  stageTotals,
} from "../domain/experiments/totals.ts";
import type { Ports } from "../ports/ports.ts";
import type { Page } from "../ports/record.ts";

const PAGE = 1_000;
/**
 * A day is read again for so many nights, because outcomes come late; then its totals are kept and it is read no more. What
 * comes later still is lost to the experiment, in both arms alike.
 */
export const LATE_DAYS = 3;

export type CountedUnits = {
  readonly stages: readonly StageTotals[];
  readonly settled: NonNullable<ExperimentRecord["settled"]>;
};

/** Totals of all units that an experiment has exposed, counted as of `night.atMs`. One page is in memory at a time. */
export async function experimentTotals(
  ports: Pick<Ports, "record">,
  experiment: ExperimentRecord,
  plan: Plan,
  { day, atMs }: Night,
): Promise<CountedUnits> {
  const { fleet, id, startedAtMs } = experiment;
  const counting = countingOf(experiment, plan);
  const firstDay = dayOf(startedAtMs ?? atMs);
  let settled = experiment.settled ?? { throughDay: firstDay - 1, stages: [] };
  const open: StageTotals[][] = [];
  for (let current = settled.throughDay + 1; current <= day; current++) {
    const totals: Totals = new Map();
    for await (const units of pages(ports, fleet, id, current))
      for (const unit of units) addUnit(totals, unit, counting, atMs);
    const counted = stageTotals(totals);
    if (current <= day - LATE_DAYS && open.length === 0)
      settled = { throughDay: current, stages: mergeTotals([settled.stages, counted]) };
    else open.push(counted);
  }
  return { stages: mergeTotals([settled.stages, ...open]), settled };
}

async function* pages(
  { record }: Pick<Ports, "record">,
  fleet: string,
  experiment: string,
  day: number,
): AsyncGenerator<readonly ExposedUnit[]> {
  let cursor: string | null = null;
  do {
    const page: Page<ExposedUnit> = await record.units.exposed(fleet, experiment, day, cursor, PAGE);
    yield page.items;
    cursor = page.cursor;
  } while (cursor !== null);
}

/** The metrics that decide it, and those that a hard bound is held against. */
function countingOf({ hypothesis, unit, stages }: ExperimentRecord, plan: Plan): Counting {
  const primary = hypothesis.metric;
  const bounded = (Object.keys(SAFETY_BOUNDS) as MetricName[]).filter(
    (metric) => METRICS[metric].of === METRICS[primary].of,
  );
  const guardrails = plan.guardrails.map(({ metric }) => metric);
  return {
    primary,
    metrics: [...new Set([primary, ...guardrails, ...bounded])],
    plan,
    byHost: unit === "host",
    shareOf: (stage) => stages[stage]?.treatmentShare ?? 0,
  };
}
