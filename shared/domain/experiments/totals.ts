import type {
  ActiveExperiment,
  ArmTotals,
  ExposedUnit,
  Plan,
  StageTotals,
  Sums,
  Variant,
} from "../../contract/experiments.ts";
import { METRICS, type MetricName } from "../../contract/parameters.ts";
import { EQUAL_SHARE } from "./states.ts";

/**
 * Totals of an experiment's units by stage and arm. They are sums, so that a day's are added to those of the days before, in
 * any order, and a million units need no more memory than one.
 */

export type Totals = Map<number, Omit<StageTotals, "stage">>;

export const NO_SUMS: Sums = { n: 0, y: 0, yy: 0, x: 0, xx: 0, xy: 0 };

const newArm = (): ArmTotals => ({ exposed: 0, metrics: {}, hosts: {}, events: {} });

/** What of an experiment decides how its units are counted. */
export type Counting = {
  readonly primary: MetricName;
  /** The primary and those of the guardrails, each once. */
  readonly metrics: readonly MetricName[];
  readonly plan: Pick<Plan, "winsorAt" | "covariate" | "maturesAfterMs">;
  /** Whether hosts were randomised: then sums by host are kept of the primary metric. */
  readonly byHost: boolean;
  readonly shareOf: (stage: number) => number;
};

/**
 * Adds a unit. One that is not mature (see `Plan.maturesAfterMs`) counts as exposed, and with its rare events, and no more: those that
 * end soon would otherwise be counted before those that go on. A metric that is not known of it is left out.
 */
export function addUnit(totals: Totals, unit: ExposedUnit, counting: Counting, atMs: number): void {
  let stage = totals.get(unit.stage);
  if (!stage) {
    stage = { treatmentShare: counting.shareOf(unit.stage), control: newArm(), treatment: newArm() };
    totals.set(unit.stage, stage);
  }
  const arm = stage[unit.variant];
  const { outcome } = unit;
  arm.exposed += 1;
  const horizonMs = unit.atMs + counting.plan.maturesAfterMs;
  // What came after the window is of another time than what the others are compared by.
  const values = outcome && outcome.endedAtMs <= horizonMs ? outcome.values : survived(unit);
  for (const metric of counting.metrics)
    if (METRICS[metric].rare && (values[metric] ?? 0) > 0) arm.events[metric] = (arm.events[metric] ?? 0) + 1;
  if (horizonMs > atMs) return;
  for (const metric of counting.metrics) {
    const value = values[metric];
    if (value === undefined || !Number.isFinite(value)) continue;
    const sums = (arm.metrics[metric] ??= { ...NO_SUMS });
    if (metric === counting.primary) {
      const y = Math.min(value, counting.plan.winsorAt ?? Infinity);
      add(sums, y, covariateOf(unit, counting));
      if (counting.byHost && unit.host !== null && stage.treatmentShare === EQUAL_SHARE) {
        const group = (arm.hosts[groupOf(unit.host)] ??= { n: 0, y: 0 });
        group.n += 1;
        group.y += y;
      }
    } else add(sums, value, 0);
  }
}

/** Groups of hosts that sums are kept of: an experiment is one item of the record, whatever hosts its fleet has. */
const HOST_GROUPS = 1_000;

/**
 * Hosts of one arm may be counted together: those are as independent of other groups as each host is of others, and an error
 * from fewer clusters is no smaller. By FNV-1a, the same in every process.
 */
function groupOf(host: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < host.length; i++) hash = Math.imul(hash ^ host.charCodeAt(i), 0x01000193);
  return String((hash >>> 0) % HOST_GROUPS);
}

/** A unit that lives on when it matures: nothing of what ends a unit has happened to it. What is measured at the end is not known. */
const survived = ({ kind }: ExposedUnit): Readonly<Partial<Record<MetricName, number>>> =>
  kind === "session" ? { crashed: 0, lostWorkMs: 0 } : { completed: 0, failed: 0 };

/** What is usual for tasks of this type in this repository, by their history: a session has no past of its own. */
function covariateOf({ type, repository }: ExposedUnit, { plan: { covariate } }: Counting): number {
  return covariate ? (covariate.byKey[covariateKey(type, repository)] ?? covariate.other) : 0;
}

export const covariateKey = (type: string | null, repository: string | null): string =>
  `${type ?? ""}|${repository ?? ""}`;

/** In place: a night adds millions. */
function add(sums: Sums, y: number, x: number): void {
  sums.n += 1;
  sums.y += y;
  sums.yy += y * y;
  sums.x += x;
  sums.xx += x * x;
  sums.xy += x * y;
}

export function merge(a: Sums, b: Sums): Sums {
  return { n: a.n + b.n, y: a.y + b.y, yy: a.yy + b.yy, x: a.x + b.x, xx: a.xx + b.xx, xy: a.xy + b.xy };
}

/** The totals of several days together, in the order of their stages. */
export function mergeTotals(days: Iterable<readonly StageTotals[]>): StageTotals[] {
  const stages = new Map<number, StageTotals>();
  for (const day of days)
    for (const totals of day) {
      const known = stages.get(totals.stage);
      stages.set(
        totals.stage,
        known
          ? {
              ...known,
              control: mergeArms(known.control, totals.control),
              treatment: mergeArms(known.treatment, totals.treatment),
            }
          : totals,
      );
    }
  return [...stages.values()].sort((a, b) => a.stage - b.stage);
}

function mergeArms(a: StageTotals["control"], b: StageTotals["control"]): StageTotals["control"] {
  const metrics = { ...a.metrics };
  for (const [name, sums] of Object.entries(b.metrics) as [MetricName, Sums][])
    metrics[name] = merge(metrics[name] ?? NO_SUMS, sums);
  const events = { ...a.events };
  for (const [name, count] of Object.entries(b.events) as [MetricName, number][])
    events[name] = (events[name] ?? 0) + count;
  const hosts = { ...a.hosts };
  for (const [host, { n, y }] of Object.entries(b.hosts)) {
    const known = hosts[host] ?? { n: 0, y: 0 };
    hosts[host] = { n: known.n + n, y: known.y + y };
  }
  return { exposed: a.exposed + b.exposed, metrics, hosts, events };
}

/** As the record keeps them. */
export function stageTotals(totals: Totals): StageTotals[] {
  return [...totals].sort(([a], [b]) => a - b).map(([stage, rest]) => ({ stage, ...rest }));
}

/**
 * What is kept of a unit that met the parameter. Null for one that nobody allocated: it met what the fleet uses by chance or by
 * an outage, and to count it as control would compare times rather than variants.
 */
export function exposureOf(
  { stage }: Pick<ActiveExperiment, "stage">,
  variant: Variant | null,
  atMs: number,
): { variant: Variant; stage: number; atMs: number } | null {
  return variant === null ? null : { variant, stage, atMs };
}
