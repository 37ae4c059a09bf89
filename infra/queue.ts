import "./link-without-grants.ts";
import { QUEUE_SIZES } from "./sizes.ts";
import type { QueueSize } from "./sizes.ts";

/** Messages set aside are kept as long as SQS can: 14 days, in seconds. */
const SET_ASIDE_S = 14 * 86_400;

/**
 * What was received too often, from both queues, and schedules that could not be delivered: one queue, because it is looked at
 * by people, and each alarm costs. SQS tells of a message which queue it came from.
 */
export const deadLetters = new sst.aws.Queue("DeadLetters", {
  transform: { queue: { messageRetentionSeconds: SET_ASIDE_S, sqsManagedSseEnabled: true } },
});

const createQueue = (name: string, size: QueueSize) =>
  new sst.aws.Queue(name, {
    visibilityTimeout: `${size.visibilityTimeoutS} seconds`,
    dlq: { queue: deadLetters.arn, retry: size.receiveLimit },
    transform: { queue: { sqsManagedSseEnabled: true } },
  });

/** Tasks that may be ready, now or after a delay. */
export const dispatchQueue = createQueue("DispatchQueue", QUEUE_SIZES.dispatch);
/** Calls for a sweep before its minute. */
export const wakeQueue = createQueue("WakeQueue", QUEUE_SIZES.wake);
