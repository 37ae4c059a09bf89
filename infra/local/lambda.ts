import { randomUUID } from "node:crypto";
import { arnOf } from "./account.ts";

export type LambdaContext = {
  readonly functionName: string;
  readonly functionVersion: string;
  readonly invokedFunctionArn: string;
  readonly memoryLimitInMB: string;
  readonly awsRequestId: string;
  readonly logGroupName: string;
  readonly logStreamName: string;
  getRemainingTimeInMillis(): number;
};
export type LambdaHandler = (event: unknown, context: LambdaContext) => unknown;

/** Runs a function once; rejects as an invocation fails: the handler threw, or its time was up. */
export type Invoke = (event: unknown) => Promise<unknown>;

export type LambdaOptions = {
  name: string;
  /** `path/to/file.handler`, read at the first invocation, as a cold start does. */
  load: () => Promise<LambdaHandler>;
  timeoutMs: number;
  memoryMb: number;
};

/**
 * A function as Lambda runs it: events and answers cross as JSON, and time is bounded. A handler cannot be
 * killed here when its time is up, as Lambda would: its answer is dropped, but it runs on.
 */
export function createFunction({ name, load, timeoutMs, memoryMb }: LambdaOptions): Invoke {
  let loading: Promise<LambdaHandler> | undefined;
  return async (event) => {
    // A failed load is tried again by the next invocation, as a failed cold start is.
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    const handler = await loading;
    const deadline = performance.now() + timeoutMs;
    const context: LambdaContext = {
      functionName: name,
      functionVersion: "$LATEST",
      invokedFunctionArn: arnOf("lambda", `function:${name}`),
      memoryLimitInMB: String(memoryMb),
      awsRequestId: randomUUID(),
      logGroupName: `/aws/lambda/${name}`,
      logStreamName: "embedded",
      getRemainingTimeInMillis: () => Math.max(0, Math.round(deadline - performance.now())),
    };
    const answer = Promise.resolve(handler(asJson(event), context));
    return asJson(await withTimeout(answer, timeoutMs, `Task timed out after ${timeoutMs / 1_000} seconds`));
  };
}

/** Imports `path/to/file.handler` below the project's root. */
export async function importHandler(root: URL, reference: string): Promise<LambdaHandler> {
  const dot = reference.lastIndexOf(".");
  const file = new URL(`${reference.slice(0, dot)}.ts`, root);
  const name = reference.slice(dot + 1);
  const module = (await import(file.href)) as Record<string, unknown>;
  const handler = module[name];
  if (typeof handler !== "function") throw new Error(`${file.pathname} exports no function named ${name}.`);
  return handler as LambdaHandler;
}

function asJson(value: unknown): unknown {
  return value === undefined ? null : JSON.parse(JSON.stringify(value));
}

async function withTimeout<T>(work: Promise<T>, timeoutMs: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(message));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
