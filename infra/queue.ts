import "./link-without-grants.ts";
import { QUEUE_SIZES } from "./sizes.ts";
import type { QueueSize } from "./sizes.ts";

/** Messages set aside are kept as long as SQS can: 14 days, in seconds. */
const SET_ASIDE_S = 14 * 86_400;

const createDeadLetters = (name: string) =>
  new sst.aws.Queue(name, {
    transform: { queue: { messageRetentionSeconds: SET_ASIDE_S, sqsManagedSseEnabled: true } },
  });

const createQueue = (name: string, size: QueueSize, deadLetters: sst.aws.Queue) =>
  new sst.aws.Queue(name, {
    visibilityTimeout: `${size.visibilityTimeoutS} seconds`,
    dlq: { queue: deadLetters.arn, retry: size.receiveLimit },
    transform: { queue: { sqsManagedSseEnabled: true } },
  });

export const dispatchDeadLetters = createDeadLetters("DispatchDeadLetters");
export const wakeDeadLetters = createDeadLetters("WakeDeadLetters");

/** Tasks that may be ready, now or after a delay. */
export const dispatchQueue = createQueue("DispatchQueue", QUEUE_SIZES.dispatch, dispatchDeadLetters);
/** Calls for a sweep before its minute. */
export const wakeQueue = createQueue("WakeQueue", QUEUE_SIZES.wake, wakeDeadLetters);
