import { randomUUID } from "node:crypto";
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { readElsewhere } from "../../infra/local/elsewhere.ts";
import { type QueuesAndObjects, startQueuesAndObjects } from "../../infra/local/queues-and-objects.ts";
import { createEvents } from "../../shared/adapters/sqs/events.ts";
import { ReadyEvent, WakeEvent } from "../../shared/contract/events.ts";
import type { Events } from "../../shared/ports/ports.ts";
import { StoreUnavailable } from "../../shared/ports/unavailable.ts";
import { CREDENTIALS } from "./record-worlds.ts";

let aws: QueuesAndObjects<never>;
let client: SQSClient;
let dispatchUrl: string;
let wakeUrl: string;
let events: Events;
/** Each batch as it was sent. */
let batches: { delays: (number | undefined)[]; bytes: number }[] = [];

beforeAll(async () => {
  const name = `shim-${randomUUID()}`;
  const endpoint = readElsewhere(process.env).queuesAndObjects;
  aws = await startQueuesAndObjects({
    endpoint,
    prefix: name,
    queues: {},
    bucketName: name,
    objectsPath: null,
  });
  client = new SQSClient({ endpoint: aws.endpoint, ...CREDENTIALS });
  client.middlewareStack.add(
    (next) => (step) => {
      const { Entries = [] } = step.input as SendMessageBatchCommand["input"];
      if ("Entries" in step.input) {
        const bytes = Math.max(...Entries.map(({ MessageBody = "" }) => MessageBody.length));
        batches.push({ delays: Entries.map(({ DelaySeconds }) => DelaySeconds), bytes });
      }
      return next(step);
    },
    { step: "initialize" },
  );
});
afterAll(async () => {
  client.destroy();
  await aws.close();
});
beforeEach(async () => {
  const create = async () => {
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: `shim-${randomUUID()}` }));
    return String(QueueUrl);
  };
  [dispatchUrl, wakeUrl] = [await create(), await create()];
  events = createEvents({ client, dispatchUrl, wakeUrl });
  batches = [];
});

/** Everything that a queue gives out now. */
async function receiveAll(QueueUrl: string): Promise<unknown[]> {
  const bodies: unknown[] = [];
  for (;;) {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
    );
    if (Messages.length === 0) return bodies;
    for (const { Body, ReceiptHandle } of Messages) {
      bodies.push(JSON.parse(String(Body)));
      await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
  }
}

const ids = (count: number) => Array.from({ length: count }, (_, index) => `task_${index}`.padEnd(64, "x"));

test.each([1, 25, 26, 250, 251, 1_000])(
  "%i ready tasks arrive, each once, in small messages",
  async (count) => {
    await events.tasksReady("default", ids(count));
    const messages = (await receiveAll(dispatchUrl)).map((body) => ReadyEvent.parse(body));
    expect(messages.map(({ fleet }) => fleet)).toEqual(messages.map(() => "default"));
    expect(messages.flatMap(({ taskIds }) => taskIds).sort()).toEqual(ids(count).sort());
    expect(Math.max(...messages.map(({ taskIds }) => taskIds.length))).toBeLessThanOrEqual(25);
    expect(messages).toHaveLength(Math.ceil(count / 25));
    expect(batches).toHaveLength(Math.ceil(count / 250));
    expect(Math.max(...batches.map(({ bytes }) => bytes))).toBeLessThan(2_048);
  },
);

test("no ready tasks are no message", async () => {
  await events.tasksReady("default", []);
  expect(batches).toEqual([]);
});

test.each([
  [0, 0],
  [-5, 0],
  [1, 1],
  [1_000, 1],
  [1_001, 2],
  [900_000, 900],
  [86_400_000, 900],
])(
  "a delay of %i ms never makes a task ready early, nor later than SQS can wait: %i s",
  async (delayMs, seconds) => {
    await events.tasksReady("default", ids(1), delayMs);
    expect(batches[0]?.delays).toEqual([seconds]);
  },
);

test("a delayed task is not given out at once", async () => {
  await events.tasksReady("default", ids(1), 60_000);
  expect(await receiveAll(dispatchUrl)).toEqual([]);
});

test("waking the sweep sends one message to its own queue", async () => {
  await events.wakeSweep();
  const woken = await receiveAll(wakeUrl);
  expect(woken.map((body) => WakeEvent.parse(body))).toEqual([{ type: "sweep.wake" }]);
  expect(await receiveAll(dispatchUrl)).toEqual([]);
});

test("a queue that is not reached is unavailable", async () => {
  const unreached = new SQSClient({ endpoint: "http://127.0.0.1:9", maxAttempts: 1, ...CREDENTIALS });
  const lost = createEvents({ client: unreached, dispatchUrl, wakeUrl });
  for (const sent of [lost.wakeSweep(), lost.tasksReady("default", ids(1))]) {
    const error = await sent.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(StoreUnavailable);
    expect(error).toMatchObject({ store: "sqs" });
  }
  unreached.destroy();
});

test("a batch of which one message is refused is not taken for sent", async () => {
  const refusing = new SQSClient({ endpoint: client.config.endpoint, ...CREDENTIALS });
  refusing.middlewareStack.add(
    (next) => async (step) => {
      const answer = await next(step);
      Object.assign(answer.output, { Failed: [{ Id: "0", Code: "InternalError", SenderFault: false }] });
      return answer;
    },
    { step: "initialize" },
  );
  const lost = createEvents({ client: refusing, dispatchUrl, wakeUrl });
  await expect(lost.tasksReady("default", ids(30))).rejects.toThrow(/1 of 2 messages refused: InternalError/);
  refusing.destroy();
});
