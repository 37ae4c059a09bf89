import type { FunctionName } from "./routes.ts";

export type FunctionSize = { readonly memoryMb: number; readonly timeoutS: number };

/** Memory also buys processor time: 1,769 MB is one core. An HTTP answer must come within the API's 30 s. */
export const FUNCTION_SIZES: Record<FunctionName, FunctionSize> = {
  // Two Redis commands and a little JSON; anything longer is a dependency that hangs.
  heartbeat: { memoryMb: 256, timeoutS: 10 },
  sessions: { memoryMb: 512, timeoutS: 29 },
  tasks: { memoryMb: 512, timeoutS: 29 },
  // A state of 5 MB is parsed, compressed and sent on.
  checkpoints: { memoryMb: 512, timeoutS: 29 },
  // An agent waits for it before each tool call.
  hooks: { memoryMb: 512, timeoutS: 29 },
  mcp: { memoryMb: 512, timeoutS: 29 },
  operator: { memoryMb: 512, timeoutS: 29 },
  dispatch: { memoryMb: 512, timeoutS: 30 },
  // Ticks until the next minute's invocation takes over, at most 100 s, and mostly waits: memory is its price.
  sweep: { memoryMb: 256, timeoutS: 120 },
  // Once a night, fleet by fleet: a million units in a minute of one core. Lambda's longest, so that a slow store is no lost night.
  experiments: { memoryMb: 1_769, timeoutS: 900 },
};

export type QueueSize = {
  readonly batchSize: number;
  /** Receives of a message before it is set aside. */
  readonly receiveLimit: number;
  /** Invocations at once. SQS knows no fewer than 2. */
  readonly concurrencyLimit: number;
  readonly visibilityTimeoutS: number;
};

/** A batch may wait through a throttled function's retries: AWS asks for six timeouts before it shows again. */
const VISIBILITY_TIMEOUTS = 6;

/** A new account runs 10 functions at once, all stages together: the queues must leave room for heartbeats. */
export const QUEUE_SIZES: Record<"dispatch" | "wake", QueueSize> = {
  dispatch: {
    batchSize: 10,
    receiveLimit: 5,
    concurrencyLimit: 5,
    visibilityTimeoutS: VISIBILITY_TIMEOUTS * FUNCTION_SIZES.dispatch.timeoutS,
  },
  wake: {
    batchSize: 10,
    receiveLimit: 5,
    concurrencyLimit: 2,
    visibilityTimeoutS: VISIBILITY_TIMEOUTS * FUNCTION_SIZES.sweep.timeoutS,
  },
};
