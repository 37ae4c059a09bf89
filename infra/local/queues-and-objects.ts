import { BucketAlreadyOwnedByYou, CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import { buildApp } from "fauxqs";
// The package exports no way to keep S3 objects on disk without listening on every interface, so its parts are
// put together here; package.json pins its exact version.
import { FileS3Persistence } from "../../node_modules/fauxqs/dist/s3/fileS3Persistence.js";
import { S3Store } from "../../node_modules/fauxqs/dist/s3/s3Store.js";
import { SnsStore } from "../../node_modules/fauxqs/dist/sns/snsStore.js";
import { SqsStore } from "../../node_modules/fauxqs/dist/sqs/sqsStore.js";
import type { QueueSize } from "../sizes.ts";
import { CREDENTIALS, REGION, arnOf } from "./account.ts";
import { LOOPBACK } from "./free-port.ts";

export type Queue = { readonly url: string; readonly arn: string; readonly size: QueueSize };

export type QueuesAndObjects<Name extends string> = {
  /** Of SQS and of S3. */
  readonly endpoint: string;
  readonly queues: Readonly<Record<Name, Queue>>;
  /** Queues of messages that were received too often. */
  readonly deadLetters: Readonly<Record<Name, Queue>>;
  close(): Promise<void>;
};

export type QueuesAndObjectsOptions<Name extends string> = {
  /** An SQS and S3 that run already; nothing is started then. */
  endpoint?: string;
  /** What the names of the queues begin with. */
  prefix: string;
  queues: Readonly<Record<Name, QueueSize>>;
  bucketName: string;
  /** Folder of the objects, or null to keep them in memory. Queues are always in memory: the record outlives them. */
  objectsPath: string | null;
};

/** Starts SQS with these queues, each with its dead letters, and S3 with one bucket, on one loopback port. */
export async function startQueuesAndObjects<Name extends string>(
  options: QueuesAndObjectsOptions<Name>,
): Promise<QueuesAndObjects<Name>> {
  const running = { endpoint: options.endpoint ?? "", close: async () => undefined };
  const server = options.endpoint === undefined ? await startServer(options.objectsPath) : running;
  const { endpoint } = server;
  const client = { endpoint, region: REGION, credentials: CREDENTIALS };
  const sqs = new SQSClient(client);
  const names = Object.keys(options.queues) as Name[];
  const deadLetters = {} as Record<Name, Queue>;
  const queues = {} as Record<Name, Queue>;
  for (const name of names) {
    const size = options.queues[name];
    const full = `${options.prefix}-${name}`;
    deadLetters[name] = await createQueue(sqs, `${full}-dead-letters`, size);
    queues[name] = await createQueue(sqs, full, size, deadLetters[name].arn);
  }
  sqs.destroy();
  await createBucket(new S3Client({ ...client, forcePathStyle: true }), options.bucketName);
  return { endpoint, queues, deadLetters, close: () => server.close() };
}

async function startServer(
  objectsPath: string | null,
): Promise<{ endpoint: string; close(): Promise<void> }> {
  const stores = { sqsStore: new SqsStore(), snsStore: new SnsStore(), s3Store: new S3Store() };
  if (objectsPath !== null) {
    const persistence = new FileS3Persistence(objectsPath);
    persistence.loadS3(stores.s3Store);
    stores.s3Store.persistence = persistence;
  }
  // Without a host of its own a queue is addressed as it is reached: no name server knows `sqs.REGION.localhost`.
  stores.sqsStore.host = "";
  const app = buildApp({ logger: false, defaultRegion: REGION, stores });
  const endpoint = await app.listen({ port: 0, host: LOOPBACK });
  return { endpoint, close: () => app.close() };
}

async function createQueue(
  sqs: SQSClient,
  name: string,
  size: QueueSize,
  deadLettersArn?: string,
): Promise<Queue> {
  const redrive = { deadLetterTargetArn: deadLettersArn, maxReceiveCount: size.receiveLimit };
  const { QueueUrl } = await sqs.send(
    new CreateQueueCommand({
      QueueName: name,
      Attributes: {
        VisibilityTimeout: String(size.visibilityTimeoutS),
        ...(deadLettersArn === undefined ? {} : { RedrivePolicy: JSON.stringify(redrive) }),
      },
    }),
  );
  if (QueueUrl === undefined)
    throw new Error(`SQS made no queue ${name}: this is a bug of the embedded cloud.`);
  return { url: QueueUrl, arn: arnOf("sqs", name), size };
}

/** A bucket that is there already is the one meant. */
async function createBucket(s3: S3Client, name: string): Promise<void> {
  try {
    await s3.send(new CreateBucketCommand({ Bucket: name }));
  } catch (error) {
    if (!(error instanceof BucketAlreadyOwnedByYou)) throw error;
  } finally {
    s3.destroy();
  }
}
