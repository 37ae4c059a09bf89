import { METRIC_NAMESPACE } from "../shared/contract/metrics.ts";
import type { EventMetric } from "../shared/contract/metrics.ts";
import { api } from "./api.ts";
import { functions } from "./functions.ts";
import { options } from "./options.ts";
import { deadLetters } from "./queue.ts";
import { SERVICE } from "./service.ts";
import { isPermanentStage } from "./stage.ts";

/** Each alarm costs, so a stage to try things out has them only if somebody is to be told. */
const watched = isPermanentStage($app.stage) || options.alarmEmail !== null;

/** A crashed session's task should run again within the timeout, 5 s and a free session; after an outage within this. */
const SLOW_RECOVERY_MS = 120_000;
/** A steady beat takes two commands. */
const COMMANDS_PER_BEAT = 4;

type Metric = {
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: Record<string, $util.Input<string>>;
};
const own = (metricName: EventMetric): Metric => ({
  namespace: METRIC_NAMESPACE,
  metricName,
  dimensions: { service: SERVICE },
});
const ofFunction = (metricName: string, fn: sst.aws.Function): Metric => ({
  namespace: "AWS/Lambda",
  metricName,
  dimensions: { FunctionName: fn.name },
});

/**
 * Who is told. Not encrypted with a key of ours, which would cost more than all alarms: what is sent is their descriptions. Who may
 * publish is SNS's default: this account.
 */
export const alarmTopic = watched ? new aws.sns.Topic("Alarms") : null;
if (alarmTopic && options.alarmEmail !== null)
  new aws.sns.TopicSubscription("AlarmEmail", {
    topic: alarmTopic.arn,
    protocol: "email",
    endpoint: options.alarmEmail,
  });

type Alarm = {
  /** What happened, why it matters, what to do. docs/DEPLOY.md has a section of its own on each. */
  readonly description: string;
  readonly comparison: "GreaterThanThreshold" | "LessThanThreshold";
  readonly threshold: number;
  /** Minutes that must be bad, of how many. */
  readonly bad: number;
  readonly of: number;
  readonly periodS: number;
  readonly missing?: "breaching" | "notBreaching";
} & ({ readonly metric: Metric; readonly statistic: string } | { readonly queries: readonly Query[] });
type Query =
  { readonly id: string; readonly metric: Metric } | { readonly id: string; readonly expression: string };

const MINUTE_S = 60;

function createAlarm(name: string, alarm: Alarm): void {
  if (!alarmTopic) return;
  const { description, comparison, threshold, bad, of, periodS, missing = "notBreaching" } = alarm;
  const measured =
    "metric" in alarm
      ? { ...alarm.metric, statistic: alarm.statistic, period: periodS }
      : { metricQueries: alarm.queries.map((query) => toQuery(query, periodS)) };
  new aws.cloudwatch.MetricAlarm(name, {
    alarmDescription: `${description} See "When an alarm goes off" in docs/DEPLOY.md.`,
    comparisonOperator: comparison,
    threshold,
    datapointsToAlarm: bad,
    evaluationPeriods: of,
    treatMissingData: missing,
    alarmActions: [alarmTopic.arn],
    okActions: [alarmTopic.arn],
    ...measured,
  });
}

function toQuery(query: Query, period: number) {
  if ("expression" in query) return { id: query.id, expression: query.expression, returnData: true };
  return { id: query.id, metric: { ...query.metric, period, stat: "Sum" }, returnData: false };
}

/** Any at all within five minutes. */
const ANY = {
  comparison: "GreaterThanThreshold",
  threshold: 0,
  bad: 1,
  of: 1,
  periodS: 5 * MINUTE_S,
} as const;

createAlarm("DeadLettersNotEmpty", {
  ...ANY,
  description:
    "A queue's message, a schedule or a night failed for good. No task is lost: the sweep finds it again. Look why.",
  metric: {
    namespace: "AWS/SQS",
    metricName: "ApproximateNumberOfMessagesVisible",
    dimensions: { QueueName: deadLetters.nodes.queue.name },
  },
  statistic: "Maximum",
});
createAlarm("RecoverySlow", {
  ...ANY,
  threshold: SLOW_RECOVERY_MS,
  description:
    "A crashed session's task ran again only after two minutes or more: there is no free session, or sweeps are late.",
  metric: own("CrashRecoveryDuration"),
  statistic: "Maximum",
});
createAlarm("SweepMissed", {
  comparison: "LessThanThreshold",
  threshold: 1,
  bad: 3,
  of: 3,
  periodS: MINUTE_S,
  missing: "breaching",
  description:
    "No sweep succeeded for three minutes: nobody who goes silent is found, and nothing is repaired.",
  queries: [
    { id: "started", metric: ofFunction("Invocations", functions.sweep) },
    { id: "failed", metric: ofFunction("Errors", functions.sweep) },
    { id: "succeeded", expression: "started - FILL(failed, 0)" },
  ],
});
createAlarm("ApiErrors", {
  ...ANY,
  description:
    "The API answered 5xx. Clients repeat what failed; look at the functions' logs for level ERROR.",
  metric: { namespace: "AWS/ApiGateway", metricName: "5xx", dimensions: { ApiId: api.nodes.api.id } },
  statistic: "Sum",
});
createAlarm("HeartbeatErrors", {
  ...ANY,
  description:
    "Heartbeats were answered 5xx. Sessions whose beats fail for a timeout stop working and are given up.",
  metric: ofFunction("Url5xxCount", functions.heartbeat),
  statistic: "Sum",
});
createAlarm("Throttles", {
  ...ANY,
  bad: 2,
  of: 2,
  // Of all functions of the account: they share its concurrency, and whoever takes it all throttles ours.
  description:
    "Lambda refused to run functions, because the account runs as many as it may. Ask AWS for more.",
  metric: { namespace: "AWS/Lambda", metricName: "Throttles", dimensions: {} },
  statistic: "Sum",
});
createAlarm("RedisUnreachable", {
  ...ANY,
  periodS: MINUTE_S,
  bad: 3,
  of: 5,
  description:
    "Redis does not answer. Nobody is given up meanwhile and nothing is lost, but no work is handed out.",
  metric: own("RedisUnavailable"),
  statistic: "Sum",
});
createAlarm("CommandsPerBeat", {
  ...ANY,
  threshold: COMMANDS_PER_BEAT,
  bad: 3,
  of: 3,
  description:
    "Heartbeats take more Redis commands than steady ones do, and Upstash bills commands: what keeps changing?",
  metric: own("RedisCommandsPerBeat"),
  statistic: "Average",
});
