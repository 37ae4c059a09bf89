import type { Hypothesis } from "../../../contract/experiments.ts";
import { type ParameterName, type ParameterValue, parameterOf } from "../../../contract/parameters.ts";
import type { Weeks } from "../rollup.ts";

/** Something worth trying, by the fleet's own weeks. */
export type Finding = {
  readonly parameter: ParameterName;
  readonly control: ParameterValue;
  readonly treatment: ParameterValue;
  readonly hypothesis: Hypothesis;
};

/** What a fleet uses now. */
export type Values = Readonly<Record<ParameterName, ParameterValue>>;

/** Looks for one thing in the last weeks; null if it is not there, or nothing shows that it is more than chance. */
export type Detector = (weeks: Weeks, values: Values) => Finding | null;

/** With fewer events neither their number nor their sum says anything. */
export const EVENTS_MINIMUM = 10;
/** A part of the metric that is worth trying for. */
export const WORTHWHILE = 0.1;

/**
 * The value that is tried next, in this direction: as far as one step may go, and no further than the parameter's bounds. Null if there is
 * none: it is at its bound, or so far outside that no single step leads back.
 */
export function nextStep(
  parameter: ParameterName,
  { [parameter]: current }: Values,
  direction: "up" | "down",
): { control: number; treatment: number } | null {
  const known = parameterOf(parameter);
  if (known.type === "choice" || typeof current !== "number" || !(current > 0)) return null;
  const { min, max, maxIncrease } = known.bounds;
  const far = direction === "up" ? current * maxIncrease : current / maxIncrease;
  const unit = known.type === "integer" ? 1 : 0.01;
  // Towards the current value, so that rounding never makes the step longer than it may be.
  const steps = direction === "up" ? Math.floor(far / unit + 1e-9) : Math.ceil(far / unit - 1e-9);
  const treatment = Math.min(max, Math.max(min, Number((steps * unit).toFixed(2))));
  const isFurther = direction === "up" ? treatment > current : treatment < current;
  const factor = Math.max(treatment / current, current / treatment);
  return isFurther && factor <= maxIncrease * (1 + 1e-9) ? { control: current, treatment } : null;
}

export const percent = (share: number): string => {
  const value = share * 100;
  return `${Number(value.toFixed(value >= 10 ? 0 : value >= 1 ? 1 : 2))} %`;
};

const UNITS = [
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** As people say it: `1.5 min`. */
export function duration(ms: number): string {
  const [unit, size] = UNITS.find(([, least]) => Math.abs(ms) >= least) ?? ["ms", 1];
  return `${short(ms / size)} ${unit}`;
}

/** Three digits that count. */
export const short = (value: number): number => Number(value.toPrecision(3));

export const count = (n: number): string => Math.round(n).toLocaleString("en-US");
