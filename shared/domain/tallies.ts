import type { EventMetric } from "../contract/metrics.ts";

/** Events of which running sums are kept: the rare ones, because each addition is a Redis command. */
export const COUNTED = [
  "SessionsCrashed",
  "SessionsEndangered",
  "EndangeredCrashed",
  "DeadLetters",
  "TasksMoved",
  "Errors",
] as const satisfies EventMetric[];

/**
 * Upper bounds of the histogram of crash recoveries, in milliseconds: a crash that was reported, one found by the fast
 * profile's deadline, one by the standard profile's 30 s, and what guarantee 10 allows after an outage.
 */
export const RECOVERY_BOUNDS_MS = [
  250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 35_000, 60_000, 120_000, 300_000,
];

const RECOVERY = "CrashRecoveryDuration";

/** What an event adds to which sums, by name; null if none are kept of it. */
export function sumsOf(metric: EventMetric, value: number): Readonly<Record<string, number>> | null {
  if (metric === RECOVERY) {
    const bound = RECOVERY_BOUNDS_MS.find((bound) => value <= bound);
    const bucket = bound === undefined ? {} : { [bucketOf(bound)]: 1 };
    return { ...bucket, [`${RECOVERY}/count`]: 1, [`${RECOVERY}/sum`]: Math.round(value) };
  }
  return (COUNTED as readonly EventMetric[]).includes(metric) ? { [metric]: value } : null;
}

const bucketOf = (boundMs: number) => `${RECOVERY}/${boundMs}`;

/** The histogram of crash recoveries in those sums: how many took at most so long, how many there were and how long all took. */
export function recoveriesIn(sums: Readonly<Record<string, number>>) {
  let atMost = 0;
  const buckets = RECOVERY_BOUNDS_MS.map((boundMs) => {
    atMost += sums[bucketOf(boundMs)] ?? 0;
    return { boundMs, atMost };
  });
  return { buckets, count: sums[`${RECOVERY}/count`] ?? 0, sumMs: sums[`${RECOVERY}/sum`] ?? 0 };
}

/**
 * How well the danger zone foretells a crash: of the starts of sessions that entered it, the share that crashed (precision);
 * of those that crashed, the share that had entered it (recall). Null where there is nothing to divide by. A start that lives
 * on in danger counts against precision until it crashes.
 */
export function predictionIn(sums: Readonly<Record<string, number>>) {
  const share = (of: number | undefined) => (of ? (sums["EndangeredCrashed"] ?? 0) / of : null);
  return { precision: share(sums["SessionsEndangered"]), recall: share(sums["SessionsCrashed"]) };
}
