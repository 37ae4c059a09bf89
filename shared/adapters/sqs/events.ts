import { SendMessageBatchCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { ReadyEvent } from "../../contract/events.ts";
import type { Events } from "../../ports/ports.ts";
import { StoreUnavailable } from "../../ports/unavailable.ts";
import { AWS_CLIENT_OPTIONS } from "../aws/client-options.ts";
import { reach } from "../aws/reach.ts";

/** Ids of one message: what one invocation can dispatch, and little to repeat if it fails. */
const MESSAGE_TASKS_LIMIT = 25;
/** Messages of one SendMessageBatch, as SQS limits it. */
const BATCH_MESSAGES_LIMIT = 10;
/** The longest delay SQS knows; the record finds again what waits longer. */
const DELAY_SECONDS_LIMIT = 900;

function chunk<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}

export function createSqsClient(): SQSClient {
  return new SQSClient(AWS_CLIENT_OPTIONS);
}

/** Events over two SQS queues. Throws `StoreUnavailable` if any message was not accepted; others may have been. */
export function createEvents(options: { client: SQSClient; dispatchUrl: string; wakeUrl: string }): Events {
  const { client, dispatchUrl, wakeUrl } = options;

  const sendBatch = async (bodies: readonly string[], DelaySeconds: number): Promise<void> => {
    const Entries = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody, DelaySeconds }));
    const answer = await reach("sqs", () =>
      client.send(new SendMessageBatchCommand({ QueueUrl: dispatchUrl, Entries })),
    );
    const refused = answer.Failed ?? [];
    if (refused.length === 0) return;
    const reasons = refused.map(({ Code }) => Code ?? "unknown").join(", ");
    throw new StoreUnavailable(
      "sqs",
      new Error(`${refused.length} of ${bodies.length} messages refused: ${reasons}`),
    );
  };

  return {
    async tasksReady(fleet, taskIds, delayMs = 0) {
      const delaySeconds = Math.min(DELAY_SECONDS_LIMIT, Math.max(0, Math.ceil(delayMs / 1_000)));
      const bodies = chunk(taskIds, MESSAGE_TASKS_LIMIT).map((ids) =>
        JSON.stringify({ type: "tasks.ready", fleet, taskIds: ids } satisfies ReadyEvent),
      );
      for (const batch of chunk(bodies, BATCH_MESSAGES_LIMIT)) await sendBatch(batch, delaySeconds);
    },
    async wakeSweep() {
      const MessageBody = JSON.stringify({ type: "sweep.wake" });
      await reach("sqs", () => client.send(new SendMessageCommand({ QueueUrl: wakeUrl, MessageBody })));
    },
  };
}
