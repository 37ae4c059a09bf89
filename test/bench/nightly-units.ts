import { ExposedUnit } from "../../shared/contract/experiments.ts";
import type { MetricName } from "../../shared/contract/parameters.ts";
import { DAY_MS } from "../../shared/domain/experiments/day.ts";
import type { RecordStore, UnitStore } from "../../shared/ports/record.ts";
import { createRandom } from "./random.ts";

/** How many units each experiment exposed on each day. */
export type UnitPlan = { readonly seed: number; readonly perDay: number; readonly days: ReadonlySet<number> };

/**
 * Units as the table hands them out: pages of JSON texts that are parsed and checked one by one. They are written when they are asked
 * for, because a million of them would be the benchmark's own memory.
 */
export function createNightlyUnits(plan: UnitPlan, kind: "task" | "session"): RecordStore["units"] {
  let handedOut = 0;
  const units: UnitStore & { count(): number } = {
    file: async () => undefined,
    expose: async () => undefined,
    settle: async () => undefined,
    ofDay: async () => ({ items: [], cursor: null }),
    async exposed(_fleet, experiment, day, cursor, limit) {
      if (!plan.days.has(day)) return { items: [], cursor: null };
      const from = cursor === null ? 0 : Number(cursor);
      const to = Math.min(plan.perDay, from + limit);
      const uniform = createRandom(plan.seed * 1e6 + day * 131 + from);
      const items: ExposedUnit[] = [];
      for (let i = from; i < to; i++)
        items.push(ExposedUnit.parse(JSON.parse(unitText(experiment, kind, day, i, uniform))));
      handedOut += items.length;
      return { items, cursor: to < plan.perDay ? String(to) : null };
    },
    count: () => handedOut,
  };
  return units;
}

function unitText(
  experiment: string,
  kind: "task" | "session",
  day: number,
  index: number,
  uniform: () => number,
): string {
  const atMs = day * DAY_MS + index;
  const crashed = uniform() < 0.05 ? 1 : 0;
  const values: Partial<Record<MetricName, number>> =
    kind === "session"
      ? { crashed, lostWorkMs: crashed * uniform() * 600_000, checkpointsPerHour: 4 + 4 * uniform() }
      : { completed: 1 - crashed, failed: crashed, attempts: 1 + crashed, durationMs: 1e6 * uniform() };
  return JSON.stringify({
    v: 1,
    experiment,
    fleet: "bench",
    kind,
    id: `${kind}-${day}-${index}`,
    generation: 1,
    host: `host-${index % 400}`,
    agent: "claude-code",
    type: `type-${index % 20}`,
    repository: `repository-${index % 7}`,
    variant: uniform() < 0.5 ? "treatment" : "control",
    stage: 2,
    atMs,
    outcome: { endedAtMs: atMs + 3_600_000, values },
  });
}
