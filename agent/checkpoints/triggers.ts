import type { CheckpointTrigger } from "../../shared/contract/checkpoint.ts";
import { RISKY_OPERATIONS, type RiskyOperation, findRiskyOperation } from "./risky-operations.ts";

/** When checkpoints are made. Numbers may be tuned; `null` switches one off. */
export type TriggerRules = {
  /** Finished tool calls since the last checkpoint. */
  readonly toolCalls: number | null;
  /** Time since the last checkpoint, in milliseconds. Nothing is written while nothing happened. */
  readonly intervalMs: number | null;
  readonly onZones: boolean;
  readonly riskyOperations: readonly RiskyOperation[];
};

export const TRIGGER_RULES: TriggerRules = {
  toolCalls: 5,
  intervalMs: 10 * 60_000,
  onZones: true,
  riskyOperations: RISKY_OPERATIONS,
};

type Zone = "safe" | "warning" | "danger";

/** What is known since the last checkpoint. */
export type TriggerState = {
  readonly zone: Zone;
  /** Of which entering of the zone a checkpoint was made; null: of none since it was safe. */
  readonly zoneDone: Zone | null;
  readonly toolCalls: number;
  readonly anything: boolean;
  readonly lastAtMs: number;
};

export const startTriggers = (nowMs: number): TriggerState => ({
  zone: "safe",
  zoneDone: null,
  toolCalls: 0,
  anything: false,
  lastAtMs: nowMs,
});

/** What was seen. `tick`: only time passed. */
export type TriggerEvent =
  | { readonly type: "tick" }
  | { readonly type: "zone"; readonly zone: Zone }
  /** About to run; `command` is a shell's command line, null of other tools. */
  | { readonly type: "tool_started"; readonly command: string | null }
  | { readonly type: "tool_ended" }
  /** Anything else that a checkpoint would tell of: a prompt, a message, the end of a turn. */
  | { readonly type: "activity" }
  | {
      readonly type: "asked";
      readonly trigger:
        "session_start" | "pre_compact" | "milestone" | "user_request" | "crash" | "session_end";
    };

/**
 * What is known after an event, and why a checkpoint is to be made now, if it is. Several reasons at once are one
 * checkpoint, by the first of: what was asked for, danger zone, warning zone, a risky operation, tool calls, interval.
 * Pure: who makes the checkpoint calls `checkpointed` once it is written.
 */
export function decideTrigger(
  state: TriggerState,
  event: TriggerEvent,
  nowMs: number,
  rules: TriggerRules = TRIGGER_RULES,
): { readonly state: TriggerState; readonly trigger: CheckpointTrigger | null } {
  const next = observe(state, event);
  return { state: next, trigger: triggerOf(next, event, nowMs, rules) };
}

/** After a checkpoint was made, for whatever reason: counting begins anew, and the zone has its own. */
export function checkpointed(state: TriggerState, nowMs: number): TriggerState {
  return { ...state, zoneDone: state.zone, toolCalls: 0, anything: false, lastAtMs: nowMs };
}

function observe(state: TriggerState, event: TriggerEvent): TriggerState {
  switch (event.type) {
    case "zone":
      return enterZone(state, event.zone);
    case "tool_ended":
      return { ...state, toolCalls: state.toolCalls + 1, anything: true };
    case "tool_started":
    case "activity":
      return { ...state, anything: true };
    case "tick":
    case "asked":
      return state;
  }
}

/** Leaving a zone for a better one forgets that it was entered, so that entering it again counts. */
function enterZone(state: TriggerState, zone: Zone): TriggerState {
  const isBetter = RANK[zone] < RANK[state.zoneDone ?? "safe"];
  return { ...state, zone, zoneDone: isBetter ? zone : state.zoneDone };
}

const RANK: Readonly<Record<Zone, number>> = { safe: 0, warning: 1, danger: 2 };

function triggerOf(
  state: TriggerState,
  event: TriggerEvent,
  nowMs: number,
  rules: TriggerRules,
): CheckpointTrigger | null {
  if (event.type === "asked") return event.trigger;
  if (rules.onZones && RANK[state.zone] > RANK[state.zoneDone ?? "safe"])
    return state.zone === "danger" ? "danger_zone" : "warning_zone";
  if (event.type === "tool_started" && event.command !== null)
    if (findRiskyOperation(event.command, rules.riskyOperations)) return "risky_operation";
  if (rules.toolCalls !== null && state.toolCalls >= rules.toolCalls) return "tool_calls";
  if (rules.intervalMs !== null && state.anything && nowMs - state.lastAtMs >= rules.intervalMs)
    return "interval";
  return null;
}
