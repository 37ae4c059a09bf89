import type {
  CheckpointRequest,
  CheckpointTrigger,
  CheckpointWritten,
} from "../../shared/contract/checkpoint.ts";
import type { AgentEvent } from "../adapters/agent-event.ts";
import { codeOf, messageOf } from "../problem.ts";

/** Makes checkpoints when they are due, one after the other, and sends them. */
export type CheckpointKeeper = {
  /** Something happened, after which one may be due; it is made in the background. */
  heard(event: AgentEvent): void;
  /** Resolves once what must be kept before these tool calls is kept, or it has taken too long. */
  beforeTool(events: readonly AgentEvent[]): Promise<void>;
  /** Resolves when it was accepted, refused or given up; never rejects. */
  make(trigger: CheckpointTrigger): Promise<void>;
};

export type CheckpointKeeperParts = {
  /** Null: there is nothing to make one of, or nobody to send it for. */
  readonly build: (trigger: CheckpointTrigger) => Promise<CheckpointRequest | null>;
  readonly post: (request: CheckpointRequest) => Promise<CheckpointWritten>;
  /** Which one is due by what is known now; null if none is. */
  readonly due: () => CheckpointTrigger | null;
  /** Why this tool call should not run before a checkpoint; null if it may. */
  readonly risk: (event: Extract<AgentEvent, { type: "tool_started" }>) => string | null;
  readonly onMade: (trigger: CheckpointTrigger, written: CheckpointWritten, tookMs: number) => void;
  readonly onFailed: (trigger: CheckpointTrigger, why: string) => void;
  readonly monotonicMs: () => number;
};

/** How long an agent waits for a checkpoint: a hook that takes longer would look like a hang. */
const PATIENCE_MS = 5_000;

export function createCheckpointKeeper(parts: CheckpointKeeperParts): CheckpointKeeper {
  let last: Promise<void> = Promise.resolve();
  let waiting = false;

  async function makeOne(trigger: CheckpointTrigger): Promise<void> {
    const startedMs = parts.monotonicMs();
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

  return {
    heard() {
      // One that waits is built of what is known when its turn comes, this event too.
      if (waiting) return;
      const trigger = parts.due();
      if (trigger === null) return;
      waiting = true;
      void make(trigger).finally(() => {
        waiting = false;
      });
    },
    async beforeTool(events) {
      const risky = events.some((event) => event.type === "tool_started" && parts.risk(event) !== null);
      if (risky) await within(PATIENCE_MS, make("risky_operation"));
    },
    make: (trigger) => within(PATIENCE_MS, make(trigger)),
  };
}

async function within(limitMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
