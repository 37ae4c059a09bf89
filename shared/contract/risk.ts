import type { AgentParameters } from "./agent-parameters.ts";
import type { RiskZone } from "./signals.ts";

type Signals = Readonly<Record<string, unknown>>;
type Threshold = { readonly warning: number; readonly danger: number };

/**
 * From which value on a signal counts. Ratios are of 1; durations in milliseconds. Where the design sets no other, they are
 * what the first SHIM used.
 */
export const RISK_THRESHOLDS = {
  contextUsed: { warning: 0.6, danger: 0.75 },
  messages: { warning: 35, danger: 50 },
  durationMs: { warning: 60 * 60_000, danger: 90 * 60_000 },
  toolCallsSinceCheckpoint: { warning: 10, danger: 15 },
  toolFailureRate: { warning: 0.15, danger: 0.2 },
} as const satisfies Record<string, Threshold>;

/** Thresholds by signal, should a fleet have its own. */
export type RiskThresholds = Readonly<Record<keyof typeof RISK_THRESHOLDS, Threshold>>;

/** The thresholds of an agent that goes by these parameters. */
export function thresholdsFor({ contextWarning, contextDanger }: AgentParameters): RiskThresholds {
  return { ...RISK_THRESHOLDS, contextUsed: { warning: contextWarning, danger: contextDanger } };
}

/** The zone that signals name themselves; null if they name none. */
export function saidZone(signals: Signals | undefined): RiskZone | null {
  const said = signals?.["zone"];
  return said === "safe" || said === "warning" || said === "danger" ? said : null;
}

/** The zone of a session as a server sees it: its own word, since its thresholds may be its own, else by its signals. */
export function reportedZone(signals: Signals | undefined): RiskZone | null {
  return saidZone(signals) ?? riskZone(signals);
}

/** Signals of danger, other than of a full context window, that together mean it. */
const DANGERS_TOGETHER = 2;

/**
 * The zone that a session's signals put it in: danger if its context window is nearly full or two signals say so, warning if
 * any does. Null if it reports none of them.
 */
export function riskZone(
  signals: Signals | undefined,
  thresholds: RiskThresholds = RISK_THRESHOLDS,
): RiskZone | null {
  const read = Object.entries<Threshold>(thresholds).flatMap(([name, threshold]) => {
    const value = signals?.[name];
    return typeof value === "number" && Number.isFinite(value) ? [{ name, value, threshold }] : [];
  });
  if (read.length === 0) return null;
  const dangers = read.filter(({ value, threshold }) => value >= threshold.danger);
  if (dangers.length >= DANGERS_TOGETHER || dangers.some(({ name }) => name === "contextUsed"))
    return "danger";
  return read.some(({ value, threshold }) => value >= threshold.warning) ? "warning" : "safe";
}
