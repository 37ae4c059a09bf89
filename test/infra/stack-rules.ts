import assert from "node:assert/strict";
import { FUNCTION_LINKS } from "../../infra/links.ts";
import type { LinkName } from "../../infra/links.ts";
import { FUNCTIONS } from "../../infra/routes.ts";
import type { FunctionName } from "../../infra/routes.ts";
import { FUNCTION_SIZES } from "../../infra/sizes.ts";
import { EVENT_METRICS } from "../../shared/contract/metrics.ts";
import { NIGHT_AT_MS } from "../../shared/operations/run-night.ts";
import { type StackView, componentOf } from "./synth-view.ts";

/** Secrets that may be empty: what they are for is then not used. */
const OPTIONAL_LINKS: ReadonlySet<string> = new Set(["StatsigServerKey", "StatsigConsoleKey"]);

/** What holds of the stack of every stage. `check` throws where it does not. */
export type Rule = { readonly name: string; check(stack: StackView, permanent: boolean): void };

export const FUNCTION_NAMES = Object.keys(FUNCTIONS) as FunctionName[];
const QUEUES = [
  ["DispatchQueue", "dispatch"],
  ["WakeQueue", "sweep"],
] as const;
const ENVIRONMENT = [
  "POWERTOOLS_METRICS_DISABLED",
  "POWERTOOLS_METRICS_NAMESPACE",
  "POWERTOOLS_SERVICE_NAME",
  "SHIM_DEFAULT_PROFILE",
];
/** Of Lambda's own: the key of the sealed links, and what SST tells every function. */
const OF_SST = ["SST_KEY", "SST_KEY_FILE", "SST_RESOURCE_App"];

const functionOf = (stack: StackView, name: FunctionName) =>
  stack.one("aws:lambda/function:Function", `${componentOf(name)}Function`).inputs;
const queueOf = (stack: StackView, name: string) => stack.one("aws:sqs/queue:Queue", `${name}Queue`).inputs;
const arnOfQueue = (stack: StackView, name: string) =>
  `arn:aws:sqs:us-east-1:123456789012:${String(queueOf(stack, name)["name"])}`;
const roleOf = (stack: StackView, name: string) => stack.one("aws:iam/role:Role", `${name}Role`);

/** Names that only exist later: objects of the bucket, and streams that Lambda opens in a function's log group. */
const OPEN_ENDED = [
  /^arn:aws:s3:::shim-\w+-payloadsbucket-[a-z]+\/\*$/,
  /^arn:aws:logs:[^*]+:log-group:\/aws\/lambda\/shim-\w+-[a-z]+:\*$/,
];

/** What each alarm looks at. */
const ALARMS: Readonly<Record<string, RegExp>> = {
  DeadLettersNotEmpty: /ApproximateNumberOfMessagesVisible/,
  RecoverySlow: /CrashRecoveryDuration/,
  SweepMissed: /Invocations.*Errors/,
  ApiErrors: /AWS\/ApiGateway/,
  HeartbeatErrors: /Url5xxCount/,
  Throttles: /Throttles/,
  RedisUnreachable: /RedisUnavailable/,
  CommandsPerBeat: /RedisCommandsPerBeat/,
};

export const RULES: readonly Rule[] = [
  {
    name: "every function of routes.ts is deployed and bundled, on arm64 and Node 24, at its size",
    check(stack) {
      const handlers = stack.functions.map(({ handler }) => handler).toSorted();
      assert.deepEqual(handlers, Object.values(FUNCTIONS).toSorted());
      for (const { bytes, minified } of stack.functions) assert(minified && bytes > 10_000);
      for (const name of FUNCTION_NAMES) {
        const { handler, runtime, architectures, memorySize, timeout } = functionOf(stack, name);
        const { memoryMb, timeoutS } = FUNCTION_SIZES[name];
        assert.deepEqual(
          [handler, runtime, architectures, memorySize, timeout],
          [FUNCTIONS[name], "nodejs24.x", ["arm64"], memoryMb, timeoutS],
        );
      }
    },
  },
  {
    name: "functions share the account's concurrency unless somebody reserves some",
    check(stack) {
      for (const name of FUNCTION_NAMES)
        assert.equal(functionOf(stack, name)["reservedConcurrentExecutions"], undefined);
    },
  },
  {
    name: "each function is linked to exactly what it may know",
    check(stack) {
      for (const { name, links } of stack.functions) {
        const fn = FUNCTION_NAMES.find((one) => componentOf(one) === name);
        assert(fn);
        const expected: readonly LinkName[] = FUNCTION_LINKS[fn];
        assert.deepEqual(Object.keys(links).toSorted(), [...expected].toSorted());
        for (const [link, { type: _, ...properties }] of Object.entries(links))
          for (const value of Object.values(properties))
            if (!OPTIONAL_LINKS.has(link)) assert.notEqual(value, "");
      }
    },
  },
  {
    name: "the environment has the names that the embedded cloud sets, and no other",
    check(stack) {
      for (const name of FUNCTION_NAMES) {
        const { variables } = functionOf(stack, name)["environment"] as { variables: object };
        assert.deepEqual(Object.keys(variables).toSorted(), [...ENVIRONMENT, ...OF_SST].toSorted());
      }
    },
  },
  {
    name: "no secret stands in plain text anywhere",
    check(stack) {
      // What the synth is given for secrets. SST's own components are no resources of any cloud: they stay in Pulumi's state,
      // where secrets are encrypted. Sealed links go into the functions' packages.
      for (const { type, name, inputs } of stack.resources.filter((one) => !one.type.startsWith("sst:")))
        assert.doesNotMatch(
          JSON.stringify(inputs),
          /synth-(RootKey|TokenKeys|Upstash|rest-token)/,
          `${type} ${name}`,
        );
    },
  },
  {
    name: "messages received too often are set aside for 14 days, and so are schedules and nights",
    check(stack) {
      const aside = arnOfQueue(stack, "DeadLetters");
      assert.equal(queueOf(stack, "DeadLetters")["messageRetentionSeconds"], 14 * 86_400);
      for (const [queue] of QUEUES) {
        const policy = JSON.parse((queueOf(stack, queue)["redrivePolicy"] ?? "{}") as string) as object;
        assert.deepEqual(policy, { deadLetterTargetArn: aside, maxReceiveCount: 5 });
      }
      for (const { inputs } of stack.all("aws:scheduler/schedule:Schedule"))
        assert.deepEqual((inputs["target"] as { deadLetterConfig?: object }).deadLetterConfig, {
          arn: aside,
        });
      const night = functionOf(stack, "experiments") as { deadLetterConfig?: { targetArn: string } };
      assert.equal(night.deadLetterConfig?.targetArn, aside);
    },
  },
  {
    name: "messages stay hidden for six timeouts of their function, and feed it in bounded numbers, one by one",
    check(stack) {
      for (const [queue, fn] of QUEUES) {
        const hidden = Number(queueOf(stack, queue)["visibilityTimeoutSeconds"]);
        assert(hidden >= 6 * FUNCTION_SIZES[fn].timeoutS, `${queue} hides for ${hidden} s`);
        const mappings = stack
          .all("aws:lambda/eventSourceMapping:EventSourceMapping")
          .filter(({ inputs }) => inputs["eventSourceArn"] === arnOfQueue(stack, queue));
        assert.equal(mappings.length, 1);
        const { functionName, functionResponseTypes, scalingConfig } = mappings[0]?.inputs ?? {};
        assert.equal(functionName, stack.arnOf(fn));
        assert.deepEqual(functionResponseTypes, ["ReportBatchItemFailures"]);
        const { maximumConcurrency } = scalingConfig as { maximumConcurrency: number };
        assert(maximumConcurrency >= 2 && maximumConcurrency <= 5);
      }
    },
  },
  {
    name: "schedules are in whole minutes, and the sweep's never repeats what failed",
    check(stack) {
      const schedules = stack.all("aws:scheduler/schedule:Schedule");
      assert(schedules.length > 0);
      for (const { inputs } of schedules) {
        const expression = String(inputs["scheduleExpression"]);
        assert.match(expression, /^(rate\(\d+ (minutes?|hours?|days?)\)|cron\([^)]+\))$/);
        const { arn, retryPolicy } = inputs["target"] as {
          arn: string;
          retryPolicy: { maximumRetryAttempts: number };
        };
        // A sweep is due again within the minute; a night that was not delivered is lost for a day.
        if (arn === stack.arnOf("sweep")) assert.equal(retryPolicy.maximumRetryAttempts, 0);
        else assert(retryPolicy.maximumRetryAttempts > 0);
      }
    },
  },
  {
    name: "the nightly function is invoked at the hour that names its nights",
    check(stack) {
      const nights = stack
        .all("aws:scheduler/schedule:Schedule")
        .filter(({ inputs }) => (inputs["target"] as { arn: string }).arn === stack.arnOf("experiments"))
        .map(({ inputs }) => [inputs["scheduleExpression"], inputs["scheduleExpressionTimezone"]]);
      assert.deepEqual(nights, [[`cron(0 ${NIGHT_AT_MS / 3_600_000} * * ? *)`, "UTC"]]);
    },
  },
  {
    name: "the sweep is invoked every minute",
    check(stack) {
      const rates = stack
        .all("aws:scheduler/schedule:Schedule")
        .filter(({ inputs }) => (inputs["target"] as { arn: string }).arn === stack.arnOf("sweep"))
        .map(({ inputs }) => inputs["scheduleExpression"]);
      assert.deepEqual(rates, ["rate(1 minute)"]);
    },
  },
  {
    name: "no policy has a wildcard, but for names that do not exist yet",
    check(stack) {
      for (const type of ["iam/policy:Policy", "iam/rolePolicy:RolePolicy", "sqs/queuePolicy:QueuePolicy"])
        assert.deepEqual(stack.all(`aws:${type}`), []);
      assert.deepEqual(stack.all("aws:sns/topicPolicy:TopicPolicy"), []);
      for (const role of stack.all("aws:iam/role:Role")) {
        assert.deepEqual(role.inputs["managedPolicyArns"] ?? [], []);
        for (const { Effect, Action, Resource = [] } of stack.statementsOf(role)) {
          assert.equal(Effect, "Allow");
          for (const action of Action) assert(!action.includes("*"), `${role.name} may ${action}`);
          for (const resource of Resource)
            assert(
              !resource.includes("*") || OPEN_ENDED.some((known) => known.test(resource)),
              `${role.name} may touch ${resource}`,
            );
        }
      }
    },
  },
  {
    name: "the heartbeat may do nothing but log",
    check(stack) {
      const actions = stack.statementsOf(roleOf(stack, "Heartbeat")).flatMap(({ Action }) => Action);
      assert.deepEqual(actions.toSorted(), ["logs:CreateLogStream", "logs:PutLogEvents"]);
    },
  },
  {
    name: "the table is on demand, can be restored to any second, expires, and outlives a permanent stage",
    check(stack, permanent) {
      const table = stack.one("aws:dynamodb/table:Table", "RecordTable");
      const { billingMode, ttl, pointInTimeRecovery, deletionProtectionEnabled } = table.inputs;
      assert.equal(billingMode, "PAY_PER_REQUEST");
      assert.deepEqual(ttl, { attributeName: "expiresAt", enabled: true });
      assert.deepEqual(pointInTimeRecovery, { enabled: true });
      assert.deepEqual([deletionProtectionEnabled, table.retainOnDelete], [permanent, permanent]);
    },
  },
  {
    name: "the bucket is private, encrypted and refuses plain HTTP; queues are encrypted",
    check(stack) {
      const [block] = stack.all("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock");
      const { bucket: _, ...blocked } = block?.inputs ?? {};
      assert.deepEqual(Object.values(blocked), [true, true, true, true]);
      const encryption = "BucketServerSideEncryptionConfiguration";
      assert.equal(
        stack.all(`aws:s3/${encryption[0]?.toLowerCase() ?? ""}${encryption.slice(1)}:${encryption}`).length,
        1,
      );
      const [policy] = stack.all("aws:s3/bucketPolicy:BucketPolicy");
      assert.match(String(policy?.inputs["policy"]), /"Effect":"Deny".*aws:SecureTransport/);
      for (const { name, inputs } of stack.all("aws:sqs/queue:Queue"))
        assert.equal(inputs["sqsManagedSseEnabled"], true, name);
    },
  },
  {
    name: "logs are forgotten, and Lambda's own lines on what went well are not written",
    check(stack, permanent) {
      const groups = stack.all("aws:cloudwatch/logGroup:LogGroup");
      assert.equal(groups.length, FUNCTION_NAMES.length + 1);
      for (const { name, inputs } of groups)
        assert.equal(inputs["retentionInDays"], permanent ? 30 : 7, name);
      for (const name of FUNCTION_NAMES) {
        const { logGroup, ...levels } = functionOf(stack, name)["loggingConfig"] as Record<string, unknown>;
        assert.match(String(logGroup), new RegExp(`-${name}$`));
        assert.deepEqual(levels, { logFormat: "JSON", applicationLogLevel: "INFO", systemLogLevel: "WARN" });
      }
    },
  },
  {
    name: "a permanent stage has every alarm, each wired to the topic and saying what to do",
    check(stack, permanent) {
      const alarms = stack.all("aws:cloudwatch/metricAlarm:MetricAlarm");
      assert.deepEqual(
        alarms.map(({ name }) => name).toSorted(),
        permanent ? Object.keys(ALARMS).toSorted() : [],
      );
      for (const { name, inputs } of alarms) {
        const topic = stack.one("aws:sns/topic:Topic", "Alarms");
        const to = [
          `arn:aws:sns:us-east-1:123456789012:${(topic.inputs["name"] as string | undefined) ?? topic.name}`,
        ];
        assert.deepEqual([inputs["alarmActions"], inputs["okActions"]], [to, to], name);
        assert.match(JSON.stringify(inputs), ALARMS[name] ?? /$^/);
        assert.match(String(inputs["alarmDescription"]), /docs\/DEPLOY\.md/);
        // Only of the sweep is silence bad: everything else is silent while nobody works.
        assert.equal(inputs["treatMissingData"], name === "SweepMissed" ? "breaching" : "notBreaching");
      }
    },
  },
  {
    name: "the dashboard of a permanent stage asks for metrics that somebody tells",
    check(stack, permanent) {
      const [dashboard] = stack.all("aws:cloudwatch/dashboard:Dashboard");
      if (!permanent) {
        assert.equal(dashboard, undefined);
        return;
      }
      const { widgets } = JSON.parse(String(dashboard?.inputs["dashboardBody"])) as {
        widgets: { properties: { metrics: [string | { expression: string }, string][] } }[];
      };
      assert(widgets.length >= 10);
      for (const { properties } of widgets)
        for (const [namespace, metric] of properties.metrics) {
          if (typeof namespace === "object")
            assert.match(namespace.expression, /^SEARCH\('\{Shim,service,Fleet\}/);
          else if (namespace === "Shim") assert(metric in EVENT_METRICS, metric);
          else assert.match(namespace, /^AWS\/(Lambda|SQS|DynamoDB)$/);
        }
    },
  },
  {
    name: "dispatch, and nothing else, may feed its own queue; only heartbeats have a URL of their own",
    check(stack) {
      const allowed = stack.all("aws:lambda/functionRecursionConfig:FunctionRecursionConfig");
      const dispatch = functionOf(stack, "dispatch")["name"];
      assert.deepEqual(
        allowed.map(({ inputs }) => inputs),
        [{ functionName: dispatch, recursiveLoop: "Allow" }],
      );
      const urls = stack.all("aws:lambda/functionUrl:FunctionUrl").map(({ name }) => name);
      assert.deepEqual(urls, ["HeartbeatUrl"]);
    },
  },
];
