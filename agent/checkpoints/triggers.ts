import type { AgentParameters } from "../../shared/contract/agent-parameters.ts";
import type { CheckpointTrigger } from "../../shared/contract/checkpoint.ts";
import { AGENT_PARAMETER_DEFAULTS } from "../../shared/contract/parameters.ts";
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

/** The rules of a session that goes by these parameters. */
export const rulesFor = ({ checkpointToolCalls, checkpointIntervalMs }: AgentParameters): TriggerRules => ({
  toolCalls: checkpointToolCalls,
  intervalMs: checkpointIntervalMs,
  onZones: true,
  riskyOperations: RISKY_OPERATIONS,
});

export const TRIGGER_RULES: TriggerRules = rulesFor(AGENT_PARAMETER_DEFAULTS);

/** A parameter that decides when a checkpoint is made by itself. */
export type TriggerParameter = "checkpointToolCalls" | "checkpointIntervalMs";

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
 *
 * `used` are the parameters that something was compared with, whatever came of it: a session in which nothing ever is to be kept
 * uses none. Which one is used first does not depend on its value, or those who used it could not be compared.
 */
export function decideTrigger(
  state: TriggerState,
  event: TriggerEvent,
  nowMs: number,
  rules: TriggerRules = TRIGGER_RULES,
): Decided & { readonly state: TriggerState } {
  const next = observe(state, event);
  return { state: next, ...triggerOf(next, event, nowMs, rules) };
}

type Decided = { readonly trigger: CheckpointTrigger | null; readonly used: readonly TriggerParameter[] };

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

function triggerOf(state: TriggerState, event: TriggerEvent, nowMs: number, rules: TriggerRules): Decided {
  if (event.type === "asked") return { trigger: event.trigger, used: [] };
  if (rules.onZones && RANK[state.zone] > RANK[state.zoneDone ?? "safe"])
    return { trigger: state.zone === "danger" ? "danger_zone" : "warning_zone", used: [] };
  if (event.type === "tool_started" && event.command !== null)
    if (findRiskyOperation(event.command, rules.riskyOperations))
      return { trigger: "risky_operation", used: [] };
  const used: TriggerParameter[] = [];
  if (rules.toolCalls !== null && state.toolCalls > 0) {
    used.push("checkpointToolCalls");
    if (state.toolCalls >= rules.toolCalls) return { trigger: "tool_calls", used };
  }
  if (rules.intervalMs !== null && state.anything) {
    used.push("checkpointIntervalMs");
    if (nowMs - state.lastAtMs >= rules.intervalMs) return { trigger: "interval", used };
  }
  return { trigger: null, used };
}
