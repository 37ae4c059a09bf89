import type { PerformanceRecord } from "../contract/records.ts";

/** As many attempts at the common mean are added to what a session has shown, so that one of them proves little. */
const PRIOR_ATTEMPTS = 3;
/** Success is never taken for less, so that an unlucky session is tried again. */
const LEAST_SUCCESS = 0.05;
/** Types kept of one session; the one that was not seen for longest goes first. */
const TYPES_LIMIT = 50;
/** Ends remembered, so that one that is told twice counts once. */
const COUNTED_LIMIT = 16;

export type Attempt = {
  readonly type: string;
  /** Which attempt: `task/fence`. */
  readonly tenure: string;
  readonly durationMs: number;
  readonly succeeded: boolean;
};

/**
 * What is known of how long a session takes for tasks of one type, and how often it succeeds: exponentially weighted
 * means (West, 1979, in its discounted form). Counts the end of an attempt; null if it has been counted.
 *
 * @param halfLifeAttempts after as many later ones an attempt counts half
 */
export function observe(
  before: PerformanceRecord | null,
  place: Pick<PerformanceRecord, "fleet" | "session">,
  { type, tenure, durationMs, succeeded }: Attempt,
  nowMs: number,
  halfLifeAttempts: number,
): PerformanceRecord | null {
  if (before?.counted.includes(tenure)) return null;
  const old = before?.types.find((known) => known.type === type);
  const weight = (old?.weight ?? 0) * 0.5 ** (1 / halfLifeAttempts);
  const mix = (mean: number, value: number) => (mean * weight + value) / (weight + 1);
  const seen = {
    type,
    weight: weight + 1,
    meanMs: mix(old?.meanMs ?? 0, durationMs),
    success: mix(old?.success ?? 0, succeeded ? 1 : 0),
    seenAtMs: nowMs,
  };
  const others = (before?.types ?? []).filter((known) => known.type !== type);
  return {
    v: 1,
    rev: before?.rev ?? 0,
    ...place,
    types: [seen, ...others].slice(0, TYPES_LIMIT),
    counted: [tenure, ...(before?.counted ?? [])].slice(0, COUNTED_LIMIT),
  };
}

/** How long each session takes for a task of any type until it succeeds, shrunk to what is common. All 1 if nothing is known. */
export function pacesFrom(
  sessions: readonly string[],
  records: readonly PerformanceRecord[],
): Map<string, number> {
  const known = new Map(records.map((record) => [record.session, pool(record.types)]));
  const common = pool([...known.values()]);
  if (common.weight === 0) return new Map(sessions.map((id) => [id, 1]));
  return new Map(
    sessions.map((id) => {
      const { weight, meanMs, success } = known.get(id) ?? NOTHING;
      return [
        id,
        shrink(weight, meanMs, common.meanMs) /
          Math.max(LEAST_SUCCESS, shrink(weight, success, common.success)),
      ];
    }),
  );
}

/** A mean of so many attempts, drawn towards what is common. */
function shrink(weight: number, mean: number, prior: number): number {
  return (mean * weight + prior * PRIOR_ATTEMPTS) / (weight + PRIOR_ATTEMPTS);
}

type Known = { readonly weight: number; readonly meanMs: number; readonly success: number };
const NOTHING: Known = { weight: 0, meanMs: 0, success: 0 };

/** Means over several, each by its weight. */
function pool(known: readonly Known[]): Known {
  const weight = known.reduce((sum, one) => sum + one.weight, 0);
  if (weight === 0) return NOTHING;
  const mean = (of: (one: Known) => number) =>
    known.reduce((sum, one) => sum + of(one) * one.weight, 0) / weight;
  return { weight, meanMs: mean((one) => one.meanMs), success: mean((one) => one.success) };
}

const typeOf = (record: PerformanceRecord | undefined, type: string): Known =>
  record?.types.find((known) => known.type === type) ?? NOTHING;

/**
 * How long these sessions would take to finish one more task of a type, in milliseconds: what they hold, at their
 * usual pace, and then the task, as often as it must be tried. What a session has not shown is taken from the others,
 * so a newcomer is expected to be like them, and is chosen as soon as it holds less. Where nobody has shown anything
 * everybody is alike, and the loads decide.
 *
 * @param sessions how many tasks each holds, by session
 * @param records what is known of each, by session
 */
export function expectedFinishes(
  sessions: ReadonlyMap<string, number>,
  records: ReadonlyMap<string, PerformanceRecord>,
  type: string,
): Map<string, number> {
  const ids = [...sessions.keys()];
  const common = pool(ids.map((id) => typeOf(records.get(id), type)));
  const any = pool(ids.flatMap((id) => records.get(id)?.types ?? []));
  // Any unit will do where nobody knows anything.
  const priorMs = common.meanMs || any.meanMs || 1;
  const priorSuccess = common.weight > 0 ? common.success : any.weight > 0 ? any.success : 1;
  return new Map(
    ids.map((id) => {
      const own = typeOf(records.get(id), type);
      const all = pool(records.get(id)?.types ?? []);
      const taskMs = shrink(own.weight, own.meanMs, priorMs);
      const success = Math.max(LEAST_SUCCESS, shrink(own.weight, own.success, priorSuccess));
      const paceMs = shrink(all.weight, all.meanMs, any.meanMs || priorMs);
      return [id, (sessions.get(id) ?? 0) * paceMs + taskMs / success];
    }),
  );
}
