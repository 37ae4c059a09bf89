import type { Redis } from "ioredis";
import { QUEUE_SIZES } from "../sizes.ts";
import type { QueueSize } from "../sizes.ts";
import { ROUTES } from "../routes.ts";
import type { FunctionName } from "../routes.ts";
import type { Elsewhere } from "./elsewhere.ts";
import { startEventSource } from "./event-source.ts";
import { createFunctions } from "./functions.ts";
import type { Functions, Overrides } from "./functions.ts";
import { startGateway } from "./gateway.ts";
import { publishLinks } from "./links.ts";
import type { RedisEngine } from "./redis.ts";
import { EVERY_MINUTE, EVERY_NIGHT, buildScheduledEvent, startSchedule } from "./schedule.ts";
import { reasonOf } from "./start-error.ts";
import { openStateFolder } from "./state-folder.ts";
import type { StateFolder } from "./state-folder.ts";
import { startStores } from "./stores.ts";
import type { QueueName, Stores } from "./stores.ts";
import type { OnCommand } from "./upstash-commands.ts";

const SWEEP_SCHEDULE = "sweep-every-minute";
const NIGHT_SCHEDULE = "experiments-every-night";

export type CloudOptions = {
  /** Folder of all that outlives the process, or null to keep everything in memory. */
  stateDir: string | null;
  /** Stores that run already and are used instead of embedded ones. */
  elsewhere?: Elsewhere;
  /** What the names of table, bucket and queues begin with: of use where others have theirs beside them. */
  prefix?: string;
  /** Of the API; a free one if it is left out. */
  port?: number;
  /** Timing of the fleet `default`. */
  profile?: "standard" | "fast";
  redisEngine?: RedisEngine;
  /** Sees every command as it reaches Redis. */
  onRedisCommand?: OnCommand;
  /** Handlers by function, where they are not the real ones. */
  functions?: Overrides;
  queueSizes?: Record<QueueName, QueueSize>;
  /** False leaves the sweep to `runSweep` and the wake queue. */
  schedule?: boolean;
  /** Hears what is being started. */
  onStep?: (step: string) => void;
  /** Hears of each invocation once it has ended, and how long it took. */
  onInvocation?: (fn: FunctionName, durationMs: number) => void;
  /** Hears of failed invocations, by function; they go to standard error if it is left out. */
  onError?: (fn: FunctionName, error: unknown) => void;
  /** Called when a store broke after the start: the cloud is of no use any more. */
  onFailure?: (error: Error) => void;
};

export type Cloud = {
  readonly url: string;
  readonly state: StateFolder;
  readonly redis: {
    readonly engine: RedisEngine;
    /** A connection of one's own, past the REST server; the caller disconnects it. */
    connect(): Redis;
    /** Loses all that Redis holds. */
    flushAll(): Promise<void>;
    /** False cuts every request to Redis until it is true again. */
    setReachable(reachable: boolean): void;
  };
  readonly dynamoEndpoint: string;
  readonly tableName: string;
  readonly bucketName: string;
  /** SQS and S3, with the queues' addresses. */
  readonly queuesAndObjects: Omit<Stores["queuesAndObjects"], "close">;
  /** One invocation of the sweep, as the schedule or the wake queue makes it. */
  runSweep(by?: "schedule" | "wake"): Promise<unknown>;
  /** One invocation of the nightly function, as the schedule makes it. */
  runNight(): Promise<unknown>;
  close(): Promise<void>;
};

type OnError = (fn: FunctionName, error: unknown) => void;
type Defer = (closer: () => Promise<void> | void) => void;

let started = false;

/**
 * Starts the whole cloud in this process: the handlers that are deployed, over real wire protocols on loopback.
 * Once per process, because handlers read their links once. Throws `StartError` for what a person can mend, and
 * EADDRINUSE if the port is taken.
 */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  if (started) throw new Error("One embedded cloud per process: handlers read their links only once.");
  started = true;
  const closers: (() => Promise<void> | void)[] = [];
  let closing = false;
  const close = async () => {
    closing = true;
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const onError: OnError = (fn, error) => {
      // What was cut off by the end of the cloud is not worth a word.
      if (!closing) (options.onError ?? writeError)(fn, error);
    };
    const parts = await startParts(options, onError, (closer) => closers.push(closer));
    return { ...parts, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startParts(
  options: CloudOptions,
  onError: OnError,
  defer: Defer,
): Promise<Omit<Cloud, "close">> {
  const onStep = options.onStep ?? (() => undefined);
  const state = openStateFolder(options.stateDir);
  const stores = await startStores({
    folder: state.path,
    elsewhere: options.elsewhere,
    prefix: options.prefix,
    knownUrl: state.credentials.url,
    redisEngine: options.redisEngine,
    onRedisCommand: options.onRedisCommand,
    queueSizes: options.queueSizes ?? QUEUE_SIZES,
    onStep,
    onFailure: options.onFailure ?? throwLater,
    defer,
  });
  onStep("functions");
  const functions = createFunctions(options.functions ?? {}, options.onInvocation);
  const gateway = await startGateway({
    routes: ROUTES,
    functions: functions.invoke,
    port: options.port,
    onError,
  });
  defer(() => gateway.close());
  process.env.SHIM_DEFAULT_PROFILE = options.profile ?? "standard";
  publishAddresses(stores, state, gateway.url);
  // Read now, so that a handler that cannot be read stops the start and not a request.
  await functions.load();
  state.saveCredentials({ url: gateway.url });
  startTriggers(options, stores, functions, onError, defer);
  const { redis, rest, dynamo, tableName, bucketName, queuesAndObjects } = stores;
  return {
    url: gateway.url,
    state,
    redis: {
      engine: redis.engine,
      connect: () => redis.connect(),
      flushAll: () => redis.flushAll(),
      setReachable: (reachable) => {
        rest.setReachable(reachable);
      },
    },
    dynamoEndpoint: dynamo.endpoint,
    tableName,
    bucketName,
    queuesAndObjects,
    runSweep: (by = "schedule") =>
      functions.invoke.sweep(
        by === "schedule" ? buildScheduledEvent(SWEEP_SCHEDULE, new Date()) : { Records: [] },
      ),
    runNight: () => functions.invoke.experiments(buildScheduledEvent(NIGHT_SCHEDULE, new Date())),
  };
}

function publishAddresses(stores: Stores, state: StateFolder, url: string): void {
  const { rest, dynamo, tableName, bucketName, queuesAndObjects } = stores;
  const { dispatch, wake } = queuesAndObjects.queues;
  publishLinks(
    {
      RootKey: { value: state.credentials.rootKey },
      TokenKeys: { value: state.credentials.tokenKeys },
      Redis: { url: rest.url, token: rest.token },
      Record: { name: tableName },
      Payloads: { name: bucketName },
      DispatchQueue: { url: dispatch.url },
      WakeQueue: { url: wake.url },
      StatsigServerKey: { value: "" },
      StatsigConsoleKey: { value: "" },
      HeartbeatEndpoint: { url: `${url}/v1/heartbeat` },
    },
    { dynamo: dynamo.endpoint, queuesAndObjects: queuesAndObjects.endpoint },
  );
}

/** Everything that calls a function without being a request. */
function startTriggers(
  options: CloudOptions,
  stores: Stores,
  { invoke }: Functions,
  onError: OnError,
  defer: Defer,
): void {
  const { endpoint, queues } = stores.queuesAndObjects;
  for (const [queue, fn] of [
    [queues.dispatch, "dispatch"],
    [queues.wake, "sweep"],
  ] as const) {
    const report = (error: unknown) => {
      onError(fn, error);
    };
    const source = startEventSource({ endpoint, queue, invoke: invoke[fn], onError: report });
    defer(() => source.close());
  }
  if (options.schedule === false) return;
  const start = (fn: "sweep" | "experiments", name: string, pattern: string, atOnce: boolean) => {
    const report = (error: unknown) => {
      onError(fn, error);
    };
    const schedule = startSchedule({ name, pattern, atOnce, invoke: invoke[fn], onError: report });
    defer(() => {
      schedule.close();
    });
  };
  start("sweep", SWEEP_SCHEDULE, EVERY_MINUTE, true);
  start("experiments", NIGHT_SCHEDULE, EVERY_NIGHT, false);
}

function writeError(fn: FunctionName, error: unknown): void {
  const stack = error instanceof Error ? error.stack : undefined;
  process.stderr.write(
    `${JSON.stringify({ level: "error", function: fn, message: reasonOf(error), stack })}\n`,
  );
}

/** Nobody listens for it, so the process must not go on as if nothing had happened. */
function throwLater(error: Error): void {
  queueMicrotask(() => {
    throw error;
  });
}
