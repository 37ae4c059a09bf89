import { payloads } from "./bucket.ts";
import { deadLetters, dispatchQueue, wakeQueue } from "./queue.ts";
import type { FunctionName } from "./routes.ts";
import { record } from "./table.ts";

type Grant = { actions: string[]; resources: $util.Input<string>[] };

const allow = (resource: $util.Input<string>, ...actions: string[]): Grant => ({
  actions,
  resources: [resource],
});

const objects = $interpolate`${payloads.nodes.bucket.arn}/*`;

const recordAccess: Grant[] = [
  allow(
    record.arn,
    "dynamodb:GetItem",
    "dynamodb:BatchGetItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    // A submission's open item goes away when it is closed, or added after its close; any end may add a recount.
    "dynamodb:DeleteItem",
    "dynamodb:Query",
  ),
  allow($interpolate`${record.arn}/index/open`, "dynamodb:Query"),
];
const payloadReads = allow(objects, "s3:GetObject");
/** Tagging: what ended is copied onto itself, with the tag by which it goes. */
const payloadWrites = allow(objects, "s3:PutObject", "s3:PutObjectTagging");
const dispatching = allow(dispatchQueue.arn, "sqs:SendMessage");
const waking = allow(wakeQueue.arn, "sqs:SendMessage");

const consuming = (queue: sst.aws.Queue) =>
  allow(queue.arn, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes");

/**
 * What each function may do, action by action: what its code uses, as test/infra/synth-grants.test.ts compares.
 * Redis is not here: it is HTTPS with a token.
 */
export const GRANTS: Record<FunctionName, readonly Grant[]> = {
  heartbeat: [],
  sessions: [...recordAccess, payloadReads, payloadWrites, dispatching, waking],
  tasks: [...recordAccess, payloadReads, payloadWrites, dispatching],
  operator: [...recordAccess, payloadReads, payloadWrites, dispatching],
  checkpoints: [...recordAccess, payloadReads, payloadWrites],
  hooks: [...recordAccess, payloadReads, payloadWrites, dispatching],
  mcp: [...recordAccess, payloadReads, payloadWrites, dispatching],
  dispatch: [...recordAccess, payloadReads, payloadWrites, dispatching, consuming(dispatchQueue)],
  sweep: [...recordAccess, payloadReads, payloadWrites, dispatching, consuming(wakeQueue)],
  experiments: [...recordAccess, allow(deadLetters.arn, "sqs:SendMessage")],
};
