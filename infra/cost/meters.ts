import type { Cloud } from "../local/cloud.ts";
import type { FunctionName } from "../routes.ts";
import { type DynamoUse, startDynamoMeter } from "./dynamo-meter.ts";
import { type Commands, readCommands, readTraffic, resetCommands } from "./redis-commands.ts";
import { startRequestMeter } from "./request-meter.ts";

/** What is billed of a while. */
export type Use = {
  readonly dynamo: readonly DynamoUse[];
  /** By name, those inside of scripts too. Upstash bills a script and each command in it. */
  readonly redis: Commands;
  /** What went to Redis and came from there. */
  readonly redisBytes: number;
  /** Requests to SQS and S3 that functions made; those of Lambda's own pollers are not among them. */
  readonly requests: readonly string[];
  readonly invocations: readonly { readonly fn: FunctionName; readonly durationMs: number }[];
};

export type Meters = {
  /** What was used since the last call. */
  take(): Promise<Use>;
  close(): Promise<void>;
};

/** Hears of invocations: given to the cloud before it starts. */
export function createInvocationMeter() {
  let seen: { fn: FunctionName; durationMs: number }[] = [];
  return {
    onInvocation: (fn: FunctionName, durationMs: number): void => void seen.push({ fn, durationMs }),
    take() {
      const taken = seen;
      seen = [];
      return taken;
    },
  };
}

/**
 * Puts meters between the functions and the stores of an embedded cloud. Before the first request: functions read where
 * their stores are once. Redis must be redis-server, which counts what scripts do.
 */
export async function startMeters(
  cloud: Pick<Cloud, "redis" | "dynamoEndpoint" | "queuesAndObjects">,
  invocations: ReturnType<typeof createInvocationMeter>,
): Promise<Meters> {
  if (cloud.redis.engine !== "redis-server")
    throw new Error(
      "Commands inside of scripts can be counted on redis-server only: install it (apt-get install redis-server).",
    );
  const dynamo = await startDynamoMeter(cloud.dynamoEndpoint);
  const requests = await startRequestMeter(cloud.queuesAndObjects.endpoint);
  process.env["AWS_ENDPOINT_URL_DYNAMODB"] = dynamo.url;
  process.env["AWS_ENDPOINT_URL_SQS"] = requests.url;
  process.env["AWS_ENDPOINT_URL_S3"] = requests.url;
  // The SDK asks where a queue's own address says.
  for (const name of ["SST_RESOURCE_DispatchQueue", "SST_RESOURCE_WakeQueue"])
    process.env[name] = (process.env[name] ?? "").replace(cloud.queuesAndObjects.endpoint, requests.url);
  const redis = cloud.redis.connect();
  return {
    async take() {
      const bytes = await readTraffic(redis);
      const commands = await readCommands(redis);
      await resetCommands(redis);
      return {
        dynamo: dynamo.take(),
        redis: commands,
        redisBytes: bytes,
        requests: requests.take(),
        invocations: invocations.take(),
      };
    },
    async close() {
      redis.disconnect();
      await dynamo.close();
      await requests.close();
    },
  };
}
