import { payloads } from "./bucket.ts";
import { BUNDLE_FORMATS } from "./bundles.ts";
import { GRANTS } from "./grants.ts";
import { FUNCTION_LINKS } from "./links.ts";
import type { LinkName } from "./links.ts";
import { LOG_LEVELS, createLogGroup, grantLogs } from "./logs.ts";
import { options } from "./options.ts";
import { deadLetters, dispatchQueue, wakeQueue } from "./queue.ts";
import { redis } from "./redis.ts";
import { FUNCTIONS } from "./routes.ts";
import type { FunctionName } from "./routes.ts";
import { secret } from "./secret.ts";
import { ENVIRONMENT } from "./service.ts";
import { FUNCTION_SIZES, QUEUE_SIZES } from "./sizes.ts";
import type { QueueSize } from "./sizes.ts";
import { record } from "./table.ts";

const links: Partial<Record<LinkName, unknown>> = {
  RootKey: secret.RootKey,
  TokenKeys: secret.TokenKeys,
  StatsigServerKey: secret.StatsigServerKey,
  StatsigConsoleKey: secret.StatsigConsoleKey,
  Redis: redis,
  Record: record,
  Payloads: payloads,
  DispatchQueue: dispatchQueue,
  WakeQueue: wakeQueue,
};

/**
 * The managed policy that SST attaches may write to every log group of the account, and its roles may be assumed
 * by anyone in the account who may assume roles at all, which only `sst dev` needs.
 */
function narrowRole(role: aws.iam.RoleArgs): undefined {
  if ($dev) return;
  role.managedPolicyArns = [];
  role.assumeRolePolicy = aws.iam.assumeRolePolicyForPrincipal({ Service: "lambda.amazonaws.com" });
}

function createFunction(name: FunctionName, more: Partial<sst.aws.FunctionArgs> = {}): sst.aws.Function {
  const component = name[0]?.toUpperCase() + name.slice(1);
  const { memoryMb, timeoutS } = FUNCTION_SIZES[name];
  const logGroup = createLogGroup(component, name);
  return new sst.aws.Function(component, {
    handler: FUNCTIONS[name],
    runtime: "nodejs24.x",
    architecture: "arm64",
    memory: `${memoryMb} MB`,
    timeout: `${timeoutS} seconds`,
    link: FUNCTION_LINKS[name].map((link) => links[link]),
    permissions: [...GRANTS[name], grantLogs(logGroup)],
    environment: ENVIRONMENT,
    ...(options.reserved[name] && { concurrency: { reserved: options.reserved[name] } }),
    logging: { logGroup: logGroup.name, format: "json" },
    // SST's documentation calls this the default; without it, SST 4.17 deploys twice the bytes.
    nodejs: { minify: true, format: BUNDLE_FORMATS[name] },
    transform: {
      role: narrowRole,
      function: (args) => {
        args.loggingConfig = { ...LOG_LEVELS, logFormat: "JSON", logGroup: logGroup.name };
        // Lambda has run it twice more by then. Nothing else would tell that a night is missing.
        if (name === "experiments") args.deadLetterConfig = { targetArn: deadLetters.arn };
      },
    },
    ...more,
  });
}

/** Answers at its own URL, because a beat through the API would cost six times as much. */
const heartbeat = createFunction("heartbeat", { url: { cors: false } });
/** Where hosts post heartbeats: the API's path, so that the function sees the same event both ways. */
export const heartbeatUrl = $interpolate`${heartbeat.url}v1/heartbeat`;
links.HeartbeatEndpoint = new sst.Linkable("HeartbeatEndpoint", { properties: { url: heartbeatUrl } });

export const functions: Record<FunctionName, sst.aws.Function> = {
  heartbeat,
  sessions: createFunction("sessions"),
  tasks: createFunction("tasks"),
  hooks: createFunction("hooks"),
  mcp: createFunction("mcp"),
  checkpoints: createFunction("checkpoints"),
  operator: createFunction("operator"),
  dispatch: createFunction("dispatch"),
  // Lambda itself would repeat a failed invocation twice, minutes late; the next minute's is the retry.
  sweep: createFunction("sweep", { retries: 0 }),
  experiments: createFunction("experiments"),
};

// Dispatch sends what must wait to its own queue again. Lambda would take that for a runaway loop and drop the
// message after about 16 hops; ours ends with its task (docs/decisions/0101-dispatch-feeds-itself.md).
new aws.lambda.FunctionRecursionConfig("DispatchRecursion", {
  functionName: functions.dispatch.name,
  recursiveLoop: "Allow",
});

function consume(
  queue: sst.aws.Queue,
  fn: sst.aws.Function,
  { batchSize, concurrencyLimit }: QueueSize,
): void {
  queue.subscribe(fn.arn, {
    batch: { size: batchSize, window: "0 seconds", partialResponses: true },
    transform: { eventSourceMapping: { scalingConfig: { maximumConcurrency: concurrencyLimit } } },
  });
}
consume(dispatchQueue, functions.dispatch, QUEUE_SIZES.dispatch);
consume(wakeQueue, functions.sweep, QUEUE_SIZES.wake);
