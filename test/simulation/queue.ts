import type { SQSBatchResponse } from "aws-lambda";
import type { Killed } from "./cloud.ts";
import type { Weather } from "./faults.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

type Message = { readonly messageId: string; readonly body: string; receives: number };

export type QueueParts = {
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly random: Random;
  readonly batchSize: number;
  readonly receiveLimit: number;
  readonly visibilityTimeoutS: number;
  run(records: readonly { messageId: string; body: string }[]): Promise<SQSBatchResponse | Killed>;
};

const DELAY_MS = 120_000;
const POLL_MS = 50;

/**
 * A queue as SQS is one: at least once, in any order, late, or, while the weather is bad, not at all. A batch whose
 * function was killed comes back after its visibility timeout, and so does what the function says has failed.
 */
export function createQueue(parts: QueueParts) {
  const { scheduler, weather, random } = parts;
  const visible: Message[] = [];
  const dead: string[] = [];
  let messages = 0;
  let polling = false;

  function show(message: Message, afterMs: number): void {
    scheduler.at(scheduler.nowMs() + afterMs, () => {
      visible.push(message);
      if (polling) return;
      polling = true;
      scheduler.at(scheduler.nowMs() + random.uniform() * POLL_MS, () => void poll());
    });
  }

  async function poll(): Promise<void> {
    polling = false;
    // In any order: each message of the batch is taken from anywhere.
    const batch = random.some(visible, parts.batchSize);
    for (const message of batch) visible.splice(visible.indexOf(message), 1);
    if (visible.length > 0) {
      polling = true;
      scheduler.at(scheduler.nowMs() + random.uniform() * POLL_MS, () => void poll());
    }
    for (const message of batch) message.receives += 1;
    const ended = await parts.run(batch.map(({ messageId, body }) => ({ messageId, body })));
    const failed =
      typeof ended === "symbol"
        ? null
        : new Set(ended.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    for (const message of batch) {
      if (failed && !failed.has(message.messageId)) continue;
      if (message.receives >= parts.receiveLimit) dead.push(message.body);
      else show(message, parts.visibilityTimeoutS * 1_000);
    }
  }

  return {
    send(body: string, delayMs: number): void {
      if (random.chance(weather.share("queue.losing"))) return;
      const copies = random.chance(weather.share("queue.doubling")) ? 2 : 1;
      for (let i = 0; i < copies; i++) {
        const lateMs = random.chance(weather.share("queue.delaying")) ? random.uniform() * DELAY_MS : 0;
        show(
          { messageId: `m${++messages}`, body, receives: 0 },
          delayMs + lateMs + random.uniform() * POLL_MS,
        );
      }
    },
    deadLetters: (): readonly string[] => dead,
  };
}
