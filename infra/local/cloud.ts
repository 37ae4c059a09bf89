import { randomUUID } from "node:crypto";
import { FUNCTIONS, ROUTES } from "../routes.ts";
import type { FunctionName } from "../routes.ts";
import { FUNCTION_SIZES, QUEUE_SIZES } from "../sizes.ts";
import type { QueueSize } from "../sizes.ts";
import { startDynamo } from "./dynamo.ts";
import { startEventSource } from "./event-source.ts";
import { startGateway } from "./gateway.ts";
import { createFunction, importHandler } from "./lambda.ts";
import type { Invoke } from "./lambda.ts";
import { publishLinks } from "./links.ts";
import { startQueuesAndObjects } from "./queues-and-objects.ts";
import { startRedis } from "./redis.ts";
import type { RedisEngine } from "./redis.ts";
import { buildScheduledEvent, startSchedule } from "./schedule.ts";
import { openStateFolder } from "./state-folder.ts";
import type { Credentials } from "./state-folder.ts";
import type { OnCommand } from "./upstash-commands.ts";
import { startUpstashRest } from "./upstash-rest.ts";

const PROJECT = new URL("../../", import.meta.url);
const TABLE_NAME = "shim-record";
const BUCKET_NAME = "shim-payloads";
const SWEEP_SCHEDULE = "sweep-every-minute";

export type CloudOptions = {
  /** Folder of all that outlives the process, or null to keep everything in memory. */
  stateDir: string | null;
  /** Of the API; a free one if it is left out. */
  port?: number;
  /** Timing of the fleet `default`. */
  profile?: "standard" | "fast";
  redisEngine?: RedisEngine;
  /** Sees every command as it reaches Redis. */
  onRedisCommand?: OnCommand;
  /** Handlers by function, `path/to/file.handler` below the project's root, where they are not the real ones. */
  functions?: Partial<Record<FunctionName, string>>;
  queueSizes?: Record<"dispatch" | "wake", QueueSize>;
  /** False leaves the sweep to `runSweep`. */
  schedule?: boolean;
  /** Hears what is being started. */
  onStep?: (step: string) => void;
  /** Hears of failed invocations and of parts that broke. */
  onError?: (part: string, error: unknown) => void;
  /** Called when a store broke after the start: the cloud is of no use any more. */
  onFailure?: (error: Error) => void;
};

export type Cloud = {
  readonly url: string;
  readonly rootKey: string;
  readonly redis: {
    readonly engine: RedisEngine;
    /** Loses all that Redis holds. */
    flushAll(): Promise<void>;
    /** False cuts every request to Redis until it is true again. */
    setReachable(reachable: boolean): void;
  };
  readonly dynamoEndpoint: string;
  /** Of SQS and S3. */
  readonly queuesEndpoint: string;
  readonly deadLettersUrl: string;
  /** One invocation of the sweep, as the schedule makes it. */
  runSweep(): Promise<unknown>;
  readonly credentials: Credentials;
  saveCredentials(changes: Partial<Credentials>): Credentials;
  close(): Promise<void>;
};

let started = false;

/**
 * Starts the whole cloud in this process: the handlers that are deployed, over real wire protocols on loopback.
 * Once per process, because handlers read their links once. Throws `StartError` for what a person can mend.
 */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  if (started) throw new Error("One embedded cloud per process: handlers read their links only once.");
  started = true;
  const closers: (() => Promise<void> | void)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return { ...(await startParts(options, closers)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Closers = (() => Promise<void> | void)[];

async function startParts(options: CloudOptions, closers: Closers): Promise<Omit<Cloud, "close">> {
  const step = options.onStep ?? (() => undefined);
  let closing = false;
  const onError = (part: string) => (error: unknown) => {
    // What was cut off by the end of the cloud is not worth a word.
    if (!closing) (options.onError ?? reportError)(part, error);
  };
  const state = openStateFolder(options.stateDir);
  const { rootKey, tokenKeys } = state.credentials;
  const stores = await startStores(options, state, closers, onError("dynamo"));
  const { dynamo, redis, rest, queuesAndObjects } = stores;

  step("functions");
  const functions = createFunctions(options.functions ?? {});
  const gateway = await startGateway({
    routes: ROUTES,
    functions: functions.invoke,
    port: options.port,
    onError: (fn, error) => {
      onError(fn)(error);
    },
  });
  closers.push(() => gateway.close());
  const { url } = gateway;
  const { queues, deadLetters, endpoint } = queuesAndObjects;
  process.env.SHIM_DEFAULT_PROFILE = options.profile ?? "standard";
  publishLinks(
    {
      RootKey: { value: rootKey },
      TokenKeys: { value: tokenKeys },
      Redis: { url: rest.url, token: rest.token },
      Record: { name: TABLE_NAME },
      Payloads: { name: BUCKET_NAME },
      DispatchQueue: { url: queues.dispatch.url },
      WakeQueue: { url: queues.wake.url },
      HeartbeatEndpoint: { url: `${url}/v1/heartbeat` },
    },
    { dynamo: dynamo.endpoint, queuesAndObjects: endpoint },
  );
  // Read now, so that a handler that cannot be read stops the start and not a request.
  await functions.load();
  state.saveCredentials({ url });

  const { dispatch, sweep } = functions.invoke;
  const sources = [
    startEventSource({ endpoint, queue: queues.dispatch, invoke: dispatch, onError: onError("dispatch") }),
    startEventSource({ endpoint, queue: queues.wake, invoke: sweep, onError: onError("sweep") }),
  ];
  for (const source of sources) closers.push(() => source.close());
  if (options.schedule !== false) {
    const schedule = startSchedule({ name: SWEEP_SCHEDULE, invoke: sweep, onError: onError("sweep") });
    closers.push(() => {
      schedule.close();
    });
  }
  closers.push(() => {
    closing = true;
  });
  return {
    url,
    rootKey,
    redis: { engine: redis.engine, flushAll: () => redis.flushAll(), setReachable: rest.setReachable },
    dynamoEndpoint: dynamo.endpoint,
    queuesEndpoint: endpoint,
    deadLettersUrl: deadLetters.dispatch.url,
    runSweep: () => sweep(buildScheduledEvent(SWEEP_SCHEDULE, new Date())),
    get credentials() {
      return state.credentials;
    },
    saveCredentials: (changes) => state.saveCredentials(changes),
  };
}
