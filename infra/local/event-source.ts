import { setTimeout } from "node:timers/promises";
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { Message } from "@aws-sdk/client-sqs";
import type { SQSRecord } from "aws-lambda";
import { CREDENTIALS, REGION } from "./account.ts";
import type { Invoke } from "./lambda.ts";
import type { Queue } from "./queues-and-objects.ts";

/** The longest SQS lets a receive wait. */
const LONG_POLL_S = 20;
const RETRY_AFTER_MS = 200;

export type EventSource = { close(): Promise<void> };
export type EventSourceOptions = {
  endpoint: string;
  queue: Queue;
  invoke: Invoke;
  /** Sees failed invocations and failed calls of SQS; both are tried again. */
  onError: (error: unknown) => void;
};

/**
 * Feeds a queue to a function as Lambda's event source mapping does: batches as they arrive, some at once;
 * what succeeded is deleted, message by message; what failed, or all if the function threw, is left to
 * reappear after the visibility timeout and to be set aside by the queue's redrive policy.
 */
export function startEventSource({ endpoint, queue, invoke, onError }: EventSourceOptions): EventSource {
  const sqs = new SQSClient({ endpoint, region: REGION, credentials: CREDENTIALS, maxAttempts: 1 });
  const closing = new AbortController();
  const isClosing = () => closing.signal.aborted;
  const running = new Set<Promise<void>>();

  async function receive(): Promise<Message[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: queue.url,
      MaxNumberOfMessages: queue.size.batchSize,
      WaitTimeSeconds: LONG_POLL_S,
      MessageSystemAttributeNames: ["All"],
      MessageAttributeNames: ["All"],
    });
    const { Messages } = await sqs.send(command, { abortSignal: closing.signal });
    return Messages ?? [];
  }

  async function handle(messages: Message[]): Promise<void> {
    const answer = await invoke({ Records: messages.map((message) => toRecord(message, queue.arn)) });
    const done = selectDone(messages, answer);
    if (done.length === 0) return;
    const Entries = done.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queue.url, Entries }));
  }

  async function poll(): Promise<void> {
    while (!isClosing()) {
      try {
        const messages = await receive();
        if (messages.length === 0) continue;
        const work = handle(messages).catch(onError);
        running.add(work);
        void work.finally(() => running.delete(work));
        // Receiving more than can run would only use up their visibility timeout.
        if (running.size >= queue.size.concurrencyLimit) await Promise.race(running);
      } catch (error) {
        if (isClosing()) return;
        onError(error);
        await setTimeout(RETRY_AFTER_MS);
      }
    }
  }

  const polling = poll();
  return {
    close: async () => {
      closing.abort();
      // What runs is not waited for: its messages reappear, as when a function is killed.
      if (running.size < queue.size.concurrencyLimit) await polling;
      sqs.destroy();
    },
  };
}

/** Messages that need no further attempt. An answer that names a message it was not given fails the whole batch. */
function selectDone(messages: readonly Message[], answer: unknown): readonly Message[] {
  const failures = readFailures(answer);
  const known = new Set(messages.map(({ MessageId }) => MessageId));
  if (failures.some((id) => !known.has(id))) {
    throw new Error(`The function reported message ids that were not in its batch: ${failures.join(", ")}`);
  }
  return messages.filter(({ MessageId }) => !failures.includes(MessageId ?? ""));
}

function readFailures(answer: unknown): string[] {
  if (typeof answer !== "object" || answer === null || !("batchItemFailures" in answer)) return [];
  const { batchItemFailures: failures } = answer as {
    batchItemFailures: { itemIdentifier?: string }[] | null;
  };
  return (failures ?? []).map(({ itemIdentifier }) => itemIdentifier ?? "");
}

function toRecord(message: Message, queueArn: string): SQSRecord {
  const { MessageId = "", ReceiptHandle = "", Body = "", MD5OfBody = "" } = message;
  const { SentTimestamp = "", SenderId = "", ...others } = message.Attributes ?? {};
  const { ApproximateReceiveCount = "", ApproximateFirstReceiveTimestamp = "" } = others;
  return {
    messageId: MessageId,
    receiptHandle: ReceiptHandle,
    body: Body,
    attributes: { ApproximateReceiveCount, SentTimestamp, SenderId, ApproximateFirstReceiveTimestamp },
    messageAttributes: toRecordAttributes(message),
    md5OfBody: MD5OfBody,
    eventSource: "aws:sqs",
    eventSourceARN: queueArn,
    awsRegion: REGION,
  };
}

function toRecordAttributes({ MessageAttributes = {} }: Message): SQSRecord["messageAttributes"] {
  return Object.fromEntries(
    Object.entries(MessageAttributes).map(([name, { StringValue, BinaryValue, DataType = "String" }]) => [
      name,
      {
        dataType: DataType,
        ...(StringValue === undefined ? {} : { stringValue: StringValue }),
        ...(BinaryValue === undefined ? {} : { binaryValue: Buffer.from(BinaryValue).toString("base64") }),
      },
    ]),
  );
}
