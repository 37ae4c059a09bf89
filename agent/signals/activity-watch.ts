import type { Activity } from "../../shared/contract/session-state.ts";
import type { AgentEvent } from "../adapters/agent-event.ts";

/**
 * How long an agent may be at one thing without a sign of progress before that is a stall, in milliseconds. A model that refuses
 * (a storm of 429s) is waited for longer than one that says nothing; nobody stalls who waits for a person.
 */
export const STALL_LIMITS_MS: Readonly<Record<Activity, number>> = {
  working: 10 * 60_000,
  tool_running: 60 * 60_000,
  model_waiting: 2 * 60 * 60_000,
  awaiting_human: Infinity,
  idle: Infinity,
};

/** What an agent is doing, and since when it has shown no sign of progress. Times are milliseconds of one clock. */
export type ActivityWatch = {
  hear(event: AgentEvent, atMs: number): void;
  /** It said something, whatever it was. */
  output(atMs: number): void;
  readonly activity: () => Activity;
  /** Why it is stalled; null if it is not. */
  stalled(nowMs: number): string | null;
};

export function createActivityWatch(
  startedAtMs: number,
  limitsMs: Readonly<Record<Activity, number>> = STALL_LIMITS_MS,
): ActivityWatch {
  const running = new Set<string>();
  let rest: Activity = "working";
  let signAtMs = startedAtMs;
  const activity = (): Activity => (rest === "working" && running.size > 0 ? "tool_running" : rest);

  return {
    hear(event, atMs) {
      const before = activity();
      rest = restAfter(event) ?? rest;
      if (event.type === "tool_started") running.add(event.id);
      if (event.type === "tool_ended") running.delete(event.id);
      if (event.type === "turn_ended" || event.type === "ended" || event.type === "result") running.clear();
      // Being refused once more is no progress: how long it waits counts from the first refusal.
      if (event.type !== "retry" || before !== "model_waiting") signAtMs = atMs;
    },
    output(atMs) {
      if (rest !== "model_waiting") signAtMs = atMs;
    },
    activity,
    stalled(nowMs) {
      const now = activity();
      const silentMs = nowMs - signAtMs;
      return silentMs > limitsMs[now]
        ? `${now} for ${Math.round(silentMs / 60_000)} min without a sign of progress`
        : null;
    },
  };
}

/** What it does from this event on, tools apart; undefined where the event says nothing of that. */
function restAfter(event: AgentEvent): Activity | undefined {
  switch (event.type) {
    case "retry":
      return "model_waiting";
    case "awaiting_human":
      return "awaiting_human";
    case "turn_ended":
    case "result":
    case "ended":
      return "idle";
    case "prompt":
    case "message":
    case "tool_started":
    case "tool_ended":
    case "usage":
    case "compacting":
    case "compacted":
      return "working";
    case "session":
    case "window":
    case "cost":
      return undefined;
  }
}
