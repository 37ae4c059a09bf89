import { createHash } from "node:crypto";
import {
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import type { SQSEvent, SQSRecord } from "aws-lambda";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { CREDENTIALS, REGION } from "../../infra/local/account.ts";
import { startEventSource } from "../../infra/local/event-source.ts";
import type { EventSource } from "../../infra/local/event-source.ts";
import { startQueuesAndObjects } from "../../infra/local/queues-and-objects.ts";
import type { QueuesAndObjects } from "../../infra/local/queues-and-objects.ts";

const PATIENT = { batchSize: 10, receiveLimit: 2, concurrencyLimit: 2, visibilityTimeoutS: 60 };
/** One second is the shortest visibility timeout that SQS has, and so the longest wait of these tests. */
const HASTY = { ...PATIENT, visibilityTimeoutS: 1 };
const QUEUES = { arrival: PATIENT, partial: HASTY, thrown: HASTY, unknown: HASTY, bounded: PATIENT };
type QueueName = keyof typeof QUEUES;

let parts: QueuesAndObjects<QueueName>;
let sqs: SQSClient;
let source: EventSource | undefined;
let errors: unknown[];

beforeAll(async () => {
  parts = await startQueuesAndObjects({
    prefix: "event-source",
    queues: QUEUES,
    bucketName: "event-source",
    objectsPath: null,
  });
  sqs = new SQSClient({ endpoint: parts.endpoint, region: REGION, credentials: CREDENTIALS });
});
afterEach(() => source?.close());
afterAll(async () => {
  sqs.destroy();
  await parts.close();
});

function consume(name: QueueName, handler: (records: SQSRecord[]) => unknown): void {
  errors = [];
  source = startEventSource({
    endpoint: parts.endpoint,
    queue: parts.queues[name],
    invoke: async (event) => handler((event as SQSEvent).Records),
    onError: (error) => errors.push(error),
  });
}

async function send(name: QueueName, ...bodies: string[]): Promise<void> {
  for (const MessageBody of bodies) {
    const MessageAttributes = { kind: { DataType: "String", StringValue: "test" } };
    await sqs.send(
      new SendMessageCommand({ QueueUrl: parts.queues[name].url, MessageBody, MessageAttributes }),
    );
  }
}

/** Messages that are still in the queue, visible or not. */
async function countLeft(name: QueueName): Promise<number> {
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: parts.queues[name].url, AttributeNames: ["All"] }),
  );
  return (
    Number(Attributes.ApproximateNumberOfMessages) + Number(Attributes.ApproximateNumberOfMessagesNotVisible)
  );
}

async function readDeadLetters(name: QueueName): Promise<string[]> {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: parts.deadLetters[name].url,
      MaxNumberOfMessages: 10,
      VisibilityTimeout: 0,
    }),
  );
  return Messages.map(({ Body = "" }) => Body);
}

test("a message reaches the function as Lambda shapes it, at once, and is deleted when it succeeds", async () => {
  const seen: { record: SQSRecord; atMs: number }[] = [];
  consume(
    "arrival",
    (records) => void seen.push(...records.map((record) => ({ record, atMs: performance.now() }))),
  );
  await send("arrival", "first");
  await expect.poll(() => seen.length).toBe(1);
  const sentAtMs = performance.now();
  await send("arrival", '{"n":2}');
  await expect.poll(() => seen.length).toBe(2);
  expect((seen[1]?.atMs ?? Infinity) - sentAtMs).toBeLessThan(500);
  expect(seen[1]?.record).toEqual({
    messageId: expect.stringMatching(/^[\w-]{36}$/) as string,
    receiptHandle: expect.any(String) as string,
    body: '{"n":2}',
    attributes: {
      ApproximateReceiveCount: "1",
      SentTimestamp: expect.stringMatching(/^\d{13}$/) as string,
      SenderId: expect.any(String) as string,
      ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/) as string,
    },
    messageAttributes: { kind: { dataType: "String", stringValue: "test" } },
    md5OfBody: createHash("md5").update('{"n":2}').digest("hex"),
    eventSource: "aws:sqs",
    eventSourceARN: parts.queues.arrival.arn,
    awsRegion: REGION,
  });
  await expect.poll(() => countLeft("arrival")).toBe(0);
  expect(errors).toEqual([]);
});

test("of a batch only what failed comes again, and is set aside after its last receive", async () => {
  const calls: string[][] = [];
  await send("partial", "good-1", "poison", "good-2");
  consume("partial", (records) => {
    calls.push(records.map(({ body }) => body));
    const batchItemFailures = records
      .filter(({ body }) => body === "poison")
      .map(({ messageId }) => ({ itemIdentifier: messageId }));
    return { batchItemFailures };
  });
  await expect.poll(() => readDeadLetters("partial"), { timeout: 8_000 }).toEqual(["poison"]);
  expect(calls).toEqual([["good-1", "poison", "good-2"], ["poison"]]);
  expect(await countLeft("partial")).toBe(0);
  expect(errors).toEqual([]);
});

test("when the function throws, every message of the batch comes again", async () => {
  const calls: string[][] = [];
  await send("thrown", "a", "b");
  consume("thrown", (records) => {
    calls.push(records.map(({ body }) => body).sort());
    if (calls.length === 1) throw new Error("cold start failed");
    return null;
  });
  await expect.poll(() => calls.flat().sort(), { timeout: 5_000 }).toEqual(["a", "a", "b", "b"]);
  await expect.poll(() => countLeft("thrown")).toBe(0);
  expect(errors.map(String)).toEqual(["Error: cold start failed"]);
});

test("an answer that names a message of no batch deletes nothing", async () => {
  let calls = 0;
  await send("unknown", "a");
  consume("unknown", () => ({
    batchItemFailures: calls++ === 0 ? [{ itemIdentifier: "no-such-message" }] : [],
  }));
  await expect.poll(() => calls, { timeout: 5_000 }).toBe(2);
  await expect.poll(() => countLeft("unknown")).toBe(0);
  expect(errors.map(String)).toEqual([expect.stringContaining("no-such-message")]);
});

test("batches hold at most ten messages, and no more run at once than allowed", async () => {
  const sizes: number[] = [];
  const open: (() => void)[] = [];
  await send("bounded", ...Array.from({ length: 25 }, (_, index) => String(index)));
  consume("bounded", (records) => {
    sizes.push(records.length);
    return new Promise<void>((resolve) => open.push(resolve));
  });
  await expect.poll(() => sizes).toEqual([10, 10]);
  expect(await countLeft("bounded")).toBe(25);
  for (const resolve of open.splice(0)) resolve();
  await expect.poll(() => sizes).toEqual([10, 10, 5]);
  for (const resolve of open.splice(0)) resolve();
  await expect.poll(() => countLeft("bounded")).toBe(0);
});
