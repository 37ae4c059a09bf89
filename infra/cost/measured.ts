import type { FunctionName } from "../routes.ts";
import type { PerTask } from "./per-task.ts";

/** Invocations and their milliseconds, by function: of one beat, one task or one minute. */
export type Invoked = Partial<Record<FunctionName, { readonly count: number; readonly ms: number }>>;

type Stores = {
  readonly redis: number;
  /** To Redis and back, without the headers of HTTP. */
  readonly redisBytes: number;
  readonly readUnits: number;
  readonly writeUnits: number;
};
type Bytes = { readonly logBytes: number; readonly answerBytes: number };

/** What was counted on the real handlers. */
export type Measured = {
  /** A steady beat of a host with ten sessions. */
  readonly beat: Stores & Bytes & { readonly invoked: Invoked };
  /** A task, submitted with others and taken from the answer to the one before. */
  readonly task: PerTask & Bytes & { readonly invoked: Invoked };
  /** A tick of the sweep while somebody lives and nothing happens. */
  readonly tick: Stores;
  /** A minute of signals of a host with ten sessions, beside its beats and ticks. */
  readonly signals: Stores;
  /** A checkpoint of a session that has made many: of S3 its own PUT, and a copy of the one that it lets go of. */
  readonly checkpoint: Stores & Bytes & { readonly invoked: Invoked; readonly s3Puts: number };
  /** A tool call that is told before it runs and after, of a session whose journal is full. */
  readonly toolCall: Stores & Bytes & { readonly invoked: Invoked };
  /** A minute's sweep while nobody does. */
  readonly idleSweep: Stores & { readonly logBytes: number; readonly invoked: Invoked };
};

/** What of the stack costs by being there. */
export type Stack = { readonly alarmMetrics: number; readonly schedules: number };
