import { setImmediate } from "node:timers/promises";
import type {
  CheckpointRequest,
  CheckpointTrigger,
  CheckpointWritten,
} from "../../shared/contract/checkpoint.ts";
import type { AgentEvent } from "../adapters/agent-event.ts";
import type { RiskZone } from "../../shared/contract/signals.ts";
import { findRiskyOperation } from "../checkpoints/risky-operations.ts";
import {
  checkpointed,
  decideTrigger,
  startTriggers,
  type TriggerEvent,
  type TriggerParameter,
  type TriggerRules,
} from "../checkpoints/triggers.ts";
import { codeOf, messageOf } from "../problem.ts";

/** Makes checkpoints when they are due, one after the other, and sends them. */
export type CheckpointKeeper = {
  /** Something happened (null: only time passed), after which one may be due; it is made in the background. */
  heard(event: AgentEvent | null): void;
  /** Another task begins. */
  begin(): void;
  /** Resolves once what must be kept before these tool calls is kept, or it has taken too long. */
  beforeTool(events: readonly AgentEvent[]): Promise<void>;
  /** Resolves when it was accepted, refused or given up; never rejects. */
  make(trigger: CheckpointTrigger): Promise<void>;
};

export type CheckpointKeeperParts = {
  /** Null: there is nothing to make one of, or nobody to send it for. */
  readonly build: (trigger: CheckpointTrigger) => Promise<CheckpointRequest | null>;
  readonly post: (request: CheckpointRequest) => Promise<CheckpointWritten>;
  /** When checkpoints are due, now: a later answer may be another. */
  readonly rules: () => TriggerRules;
  /** These parameters have decided something, whatever came of it. */
  readonly onUsed: (parameters: readonly TriggerParameter[]) => void;
  /** The risk zone that the session's signals put it in now. */
  readonly zone: () => RiskZone | null;
  readonly nowMs: () => number;
  readonly onMade: (trigger: CheckpointTrigger, written: CheckpointWritten, tookMs: number) => void;
  readonly onFailed: (trigger: CheckpointTrigger, why: string) => void;
  readonly monotonicMs: () => number;
};

/** How long an agent waits for a checkpoint: a hook that takes longer would look like a hang. */
const PATIENCE_MS = 5_000;

export function createCheckpointKeeper(parts: CheckpointKeeperParts): CheckpointKeeper {
  let last: Promise<void> = Promise.resolve();
  let waiting = false;
  let state = startTriggers(parts.nowMs());

  async function makeOne(trigger: CheckpointTrigger): Promise<void> {
    const startedMs = parts.monotonicMs();
    // What is seen from here on is for the next one. If this one fails, that one is due as late as after a good one.
    state = checkpointed(state, parts.nowMs());
    try {
      const request = await parts.build(trigger);
      if (request === null) return;
      parts.onMade(trigger, await parts.post(request), parts.monotonicMs() - startedMs);
    } catch (error) {
      // The work goes on without it. What took the task away is told by the next beat, and by the task's end.
      parts.onFailed(trigger, codeOf(error) ?? messageOf(error));
    }
  }

  const make = (trigger: CheckpointTrigger): Promise<void> => (last = last.then(() => makeOne(trigger)));

  function decide(event: TriggerEvent): CheckpointTrigger | null {
    const decided = decideTrigger(state, event, parts.nowMs(), parts.rules());
    state = decided.state;
    parts.onUsed(decided.used);
    return decided.trigger;
  }

  return {
    heard(event) {
      const zone = parts.zone();
      const due = (zone === null ? null : decide({ type: "zone", zone })) ?? decide(triggerEvent(event));
      // One that waits is built of what is known when its turn comes, this event too.
      if (waiting || due === null || due === "risky_operation") return;
      waiting = true;
      // The hook that brought the event is answered first: starting git alone takes longer than that.
      last = last.then(() => setImmediate());
      void make(due).finally(() => {
        waiting = false;
      });
    },
    begin() {
      state = startTriggers(parts.nowMs());
    },
    async beforeTool(events) {
      const risky = events.some((event) => {
        const command = event.type === "tool_started" ? commandOf(event.input) : null;
        return command !== null && findRiskyOperation(command, parts.rules().riskyOperations) !== null;
      });
      if (risky) await within(PATIENCE_MS, make("risky_operation"));
    },
    make: (trigger) => within(PATIENCE_MS, make(trigger)),
  };
}

function triggerEvent(event: AgentEvent | null): TriggerEvent {
  if (event === null) return { type: "tick" };
  if (event.type === "tool_ended") return { type: "tool_ended" };
  if (event.type === "tool_started") return { type: "tool_started", command: commandOf(event.input) };
  return { type: "activity" };
}

/** A shell's command line, whichever agent's shell it is. */
function commandOf(input: unknown): string | null {
  if (typeof input !== "object" || input === null) return null;
  const { command, cmd } = input as Readonly<Record<string, unknown>>;
  const line = command ?? cmd;
  if (Array.isArray(line)) return line.join(" ");
  return typeof line === "string" ? line : null;
}

async function within(limitMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
