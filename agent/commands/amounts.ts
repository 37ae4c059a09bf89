import { METRICS, type MetricName, type ParameterName } from "../../shared/contract/parameters.ts";

const DURATIONS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** A number in few characters: three digits that count, thousands apart. */
export function short(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e9 || size < 1e-4) return value.toExponential(1);
  return size >= 100 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}

/** Milliseconds as people say them: `1.5 min`. */
export function shortDuration(ms: number): string {
  const [unit, size] = DURATIONS.find(([, least]) => Math.abs(ms) >= least) ?? ["ms", 1];
  return ms === 0 ? "0" : `${short(ms / size)} ${unit}`;
}

export const percent = (share: number): string => `${short(share * 100)} %`;

/** A chance is never certain, however many units there are. */
export function chance(share: number): string {
  if (share > 0.999) return "over 99.9 %";
  return share < 0.001 ? "under 0.1 %" : percent(share);
}

/** A mean of a metric, in its unit. */
export function amountOf(metric: MetricName, value: number): string {
  if (METRICS[metric].kind === "proportion") return percent(value);
  return isTime(metric) ? shortDuration(value) : short(value);
}

/** A difference of two means of a metric; of proportions in percentage points. */
export function differenceOf(metric: MetricName, value: number): string {
  const sign = value > 0 ? "+" : "";
  if (METRICS[metric].kind === "proportion") return `${sign}${short(value * 100)} points`;
  return `${sign}${isTime(metric) ? shortDuration(value) : short(value)}`;
}

/** What a parameter is set to. */
export function valueText(parameter: ParameterName, value: number | string): string {
  return typeof value === "number" && isTime(parameter) ? shortDuration(value) : String(value);
}

const isTime = (name: string): boolean => name.endsWith("Ms");
