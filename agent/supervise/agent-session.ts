import type { HeldTask } from "../../shared/contract/session.ts";
import type { AgentEvent } from "../adapters/agent-event.ts";
import type { HookDecision, HookEvent } from "../adapters/adapter.ts";
import { NO_MEMORY, remember, type SessionMemory } from "../checkpoints/session-memory.ts";
import { decideToolCall, type WhenOffline } from "../hooks/fence-guard.ts";
import type { IntentLog } from "../hooks/intent-log.ts";
import { type ActivityWatch, createActivityWatch } from "../signals/activity-watch.ts";
import { createSignalCollector, type SignalCollector } from "../signals/signal-collector.ts";
import type { Life } from "../worker/life.ts";
import type { AgentWatcher } from "./agent-process.ts";
import type { CheckpointKeeper } from "./checkpoint-keeper.ts";
import { createFeed, type Feed } from "./feed.ts";
import type { IntentRelay } from "./intent-relay.ts";
import { promptAfterCompaction } from "./prompts.ts";

/** What an agent works on, and by which start of the session it may. */
export type Tenure = {
  readonly held: HeldTask | null;
  readonly life: Life;
  /** Why the task is not its any more, once that is known. */
  readonly lost: () => string | null;
};

/** One agent as its supervisor sees it, over all its processes and tasks. */
export type AgentSession = AgentWatcher & {
  /** From now on it works on this; what it did before is remembered no more. */
  begin(tenure: Tenure, prompt: string): void;
  /** A new process was started, whose context is empty, or its own session's. */
  restarted(): void;
  readonly feed: Feed;
  readonly activity: ActivityWatch;
  readonly signals: () => SignalCollector;
  readonly memory: () => SessionMemory;
  /** Resolves with its last word when the agent next has nothing more to do. */
  turnEnd(): Promise<string>;
};

export type AgentSessionParts = {
  readonly whenOffline: WhenOffline;
  readonly intents: IntentLog;
  readonly relay: IntentRelay;
  /** Told of everything after which a checkpoint may be due. */
  readonly keeper: () => CheckpointKeeper;
  readonly nowMs: () => number;
  /** Milliseconds of the monotonic clock, by which leases are held. */
  readonly monotonicMs: () => number;
  /** What an agent that starts is to know besides its prompt; null where the prompt says it. */
  readonly brief: string | null;
  readonly onDenied: (reason: string) => void;
};

export function createAgentSession(parts: AgentSessionParts): AgentSession {
  const { nowMs, intents, relay } = parts;
  const feed = createFeed();
  const startedAtMs = nowMs();
  const activity = createActivityWatch(startedAtMs);
  let signals = createSignalCollector(startedAtMs);
  let memory = NO_MEMORY;
  let tenure: Tenure | null = null;
  let endTurn: ((text: string) => void) | null = null;

  function hear(event: AgentEvent): void {
    const atMs = nowMs();
    const calls = memory.calls;
    memory = remember(memory, event, atMs);
    activity.hear(event, atMs);
    signals.hear(event, atMs);
    // Both ways of hearing of a call lead here; the first is news.
    if (event.type === "tool_started" && memory.calls !== calls) {
      intents.begun(event, tenure?.held?.task.id ?? null, new Date(atMs));
      relay.tell(event);
    }
    if (event.type === "tool_ended" && memory.calls !== calls) {
      intents.ended(event.id, event.ok, new Date(atMs));
      relay.tell(event);
    }
    parts.keeper().heard(event);
  }

  const hearAll = ({ events }: HookEvent) => {
    for (const event of events) hear(event);
  };

  function guard(): string | null {
    if (tenure === null) return "It has no task at the moment.";
    const { life, lost } = tenure;
    const ending = life.ending();
    const verdict = decideToolCall(
      {
        nowMs: parts.monotonicMs(),
        lastBeatMs: life.lastBeatMs(),
        leaseUntilMs: life.leaseUntilMs(),
        freshForMs: life.freshForMs,
        over: ending === null ? null : ending.kind === "restart" ? ending.why : ending.kind,
        taskLost: lost(),
      },
      parts.whenOffline,
    );
    return verdict.allowed ? null : verdict.reason;
  }

  async function decide(hook: HookEvent): Promise<HookDecision> {
    switch (hook.name) {
      case "PreToolUse": {
        const reason = guard();
        if (reason !== null) {
          parts.onDenied(reason);
          return { kind: "deny", reason };
        }
        hearAll(hook);
        await parts.keeper().beforeTool(hook.events);
        // A checkpoint may have taken long, or found that the task is not its any more.
        const late = guard();
        return late === null ? { kind: "pass" } : { kind: "deny", reason: late };
      }
      case "Stop": {
        hearAll(hook);
        const [end] = hook.events.filter((event) => event.type === "turn_ended");
        if (endTurn === null) return { kind: "pass" };
        const asked = feed.ask();
        endTurn(end?.text ?? "");
        endTurn = null;
        const prompt = await asked;
        return prompt === null ? { kind: "pass" } : { kind: "continue", prompt };
      }
      case "PreCompact":
        hearAll(hook);
        await parts.keeper().make("pre_compact");
        return { kind: "pass" };
      case "SessionStart": {
        hearAll(hook);
        if (hook.events.some((event) => event.type === "session" && event.source === "compact"))
          return { kind: "context", text: promptAfterCompaction(memory) };
        return parts.brief === null ? { kind: "pass" } : { kind: "context", text: parts.brief };
      }
      default:
        hearAll(hook);
        return { kind: "pass" };
    }
  }

  return {
    hear,
    output: () => {
      activity.output(nowMs());
    },
    decide,
    begin(next, prompt) {
      tenure = next;
      memory = { ...NO_MEMORY, own: memory.own };
      hear({ type: "prompt", text: prompt });
    },
    restarted: () => {
      signals = createSignalCollector(nowMs());
    },
    feed,
    activity,
    signals: () => signals,
    memory: () => memory,
    turnEnd: () =>
      new Promise((resolve) => {
        endTurn = resolve;
      }),
  };
}
