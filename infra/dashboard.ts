import { FLEET_GAUGES, METRIC_NAMESPACE } from "../shared/contract/metrics.ts";
import type { EventMetric } from "../shared/contract/metrics.ts";
import { functions } from "./functions.ts";
import { deadLetters, dispatchQueue } from "./queue.ts";
import { FUNCTIONS } from "./routes.ts";
import type { FunctionName } from "./routes.ts";
import { SERVICE } from "./service.ts";
import { isPermanentStage } from "./stage.ts";
import { record } from "./table.ts";

const NAMES = Object.keys(FUNCTIONS) as FunctionName[];
const WIDTH = 12;
const HEIGHT = 6;

/** A line of a widget, as CloudWatch writes it: namespace, metric, dimensions in pairs, how it is drawn. */
type Line = readonly (string | object)[];

const own = (metric: EventMetric, stat = "Sum"): Line => [
  METRIC_NAMESPACE,
  metric,
  "service",
  SERVICE,
  { stat, label: `${metric} (${stat})` },
];
const gauges = FLEET_GAUGES.map((metric): Line => {
  const schema = `{${METRIC_NAMESPACE},service,Fleet}`;
  return [
    {
      expression: `SEARCH('${schema} service="${SERVICE}" MetricName="${metric}"', 'Maximum', 60)`,
      label: "",
    },
  ];
});

/** A dashboard of a fixed set of widgets, two in a row. */
function bodyOf(region: string, name: Names): string {
  const ofFunctions = (metric: string, stat: string): Line[] =>
    NAMES.map((fn) => ["AWS/Lambda", metric, "FunctionName", name.functions[fn], { stat, label: fn }]);
  const ofQueue = (metric: string, queue: string, label: string): Line => [
    "AWS/SQS",
    metric,
    "QueueName",
    queue,
    { stat: "Maximum", label },
  ];
  const table = ["TableName", name.table] as const;
  const widgets: readonly (readonly [title: string, lines: readonly Line[]])[] = [
    ["Fleets: sessions and open tasks", gauges],
    [
      "Tasks: wait and duration, ms",
      [own("TaskWait", "p50"), own("TaskWait", "p95"), own("TaskDuration", "p50")],
    ],
    [
      "Crashes, and the time until their work ran again, ms",
      [own("SessionsCrashed"), own("CrashRecoveryDuration", "Maximum")],
    ],
    ["Danger zone and what came of it", [own("SessionsEndangered"), own("EndangeredCrashed")]],
    ["Trouble", [own("Errors"), own("DeadLetters"), own("RedisUnavailable"), own("RecordUnavailable")]],
    ["Redis commands of a beat; tasks moved", [own("RedisCommandsPerBeat", "Average"), own("TasksMoved")]],
    ["Functions: errors", ofFunctions("Errors", "Sum")],
    ["Functions: duration p95, ms", ofFunctions("Duration", "p95")],
    ["Functions: throttles", ofFunctions("Throttles", "Sum")],
    [
      "Queues: messages, and age of the oldest, s",
      [
        ofQueue("ApproximateNumberOfMessagesVisible", name.dispatch, "dispatch"),
        ofQueue("ApproximateAgeOfOldestMessage", name.dispatch, "dispatch, oldest"),
        ofQueue("ApproximateNumberOfMessagesVisible", name.deadLetters, "dead letters"),
      ],
    ],
    [
      "Record: units",
      [
        ["AWS/DynamoDB", "ConsumedReadCapacityUnits", ...table, { stat: "Sum", label: "read" }],
        ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", ...table, { stat: "Sum", label: "written" }],
      ],
    ],
    [
      "Record: throttled",
      [
        ["AWS/DynamoDB", "ReadThrottleEvents", ...table, { stat: "Sum", label: "reads" }],
        ["AWS/DynamoDB", "WriteThrottleEvents", ...table, { stat: "Sum", label: "writes" }],
      ],
    ],
  ];
  return JSON.stringify({
    widgets: widgets.map(([title, metrics], i) => ({
      type: "metric",
      x: (i % 2) * WIDTH,
      y: Math.floor(i / 2) * HEIGHT,
      width: WIDTH,
      height: HEIGHT,
      properties: { title, region, metrics, view: "timeSeries", period: 60 },
    })),
  });
}

type Names = {
  readonly functions: Readonly<Record<FunctionName, string>>;
  readonly dispatch: string;
  readonly deadLetters: string;
  readonly table: string;
};

const names = $resolve({
  functions: $resolve(Object.fromEntries(NAMES.map((name) => [name, functions[name].name]))),
  dispatch: dispatchQueue.nodes.queue.name,
  deadLetters: deadLetters.nodes.queue.name,
  table: record.name,
  region: aws.getRegionOutput().region,
});

/** What an operator looks at first. The first three dashboards of an account cost nothing. */
if (isPermanentStage($app.stage))
  new aws.cloudwatch.Dashboard("Dashboard", {
    dashboardName: SERVICE,
    dashboardBody: names.apply(({ region, functions, ...more }) =>
      bodyOf(region, { ...more, functions: functions as Names["functions"] }),
    ),
  });
