import * as z from "zod/mini";
import { Id } from "./ids.ts";
import { MetricName, ParameterName } from "./parameters.ts";

/** How many, their sum and the sum of their squares: mean and variance follow, and sums of days add up. */
export const Moments = z.object({ n: z.int(), y: z.number(), yy: z.number() });
export type Moments = z.infer<typeof Moments>;

/** Moments, and counts by bins that grow by a fixed factor, for quantiles. */
export const Spread = z.extend(Moments, { bins: z.record(z.string(), z.int()) });
export type Spread = z.infer<typeof Spread>;

const ByMetric = z.partialRecord(MetricName, Moments);

/** What the tasks, or the sessions, that ended on a day came to. */
export const KindRollup = z.object({
  n: z.int(),
  metrics: z.partialRecord(MetricName, Spread),
  /** By `type|repository` of tasks, by agent of sessions. Of very many the most frequent; the others are `*`. */
  groups: z.record(z.string(), ByMetric),
  /** By host; likewise. */
  hosts: z.record(z.string(), ByMetric),
  /** By what units were like, as `name=value` (see `rollup.ts`). */
  cells: z.record(z.string(), ByMetric),
  /** Of those alone that met something: see `PARTS`. */
  parts: z.record(z.string(), z.partialRecord(MetricName, Spread)),
  /** What detectors look at beside the metrics, by its name. */
  facts: z.record(z.string(), Spread),
});
export type KindRollup = z.infer<typeof KindRollup>;

/** What the last night that looked for something to try found: for people. */
export const NightReport = z.object({
  v: z.literal(1),
  fleet: Id,
  night: z.int(),
  /** What it did not propose, and why. */
  notProposed: z.array(z.object({ parameter: ParameterName, why: z.string() })),
  /** What the last weeks were like, in sentences. */
  observed: z.array(z.string()),
});
export type NightReport = z.infer<typeof NightReport>;

/** One day of a fleet: what is kept of it when its units are gone. */
export const DayRollup = z.object({
  v: z.literal(1),
  fleet: Id,
  day: z.int(),
  task: KindRollup,
  session: KindRollup,
});
export type DayRollup = z.infer<typeof DayRollup>;
