import type { SynthResource, Synthesis } from "../synth/synthesis.ts";

type Node = { readonly id: string; readonly label: readonly string[]; readonly kind: Kind };
type Edge = { readonly from: string; readonly to: string; readonly label?: string; readonly kind?: Kind };
type Kind = keyof typeof LOOKS;

/** Fill and line of each kind. Lines to a store have the store's colour, so that they can be followed. */
const LOOKS = {
  outside: { fill: "#ffffff", line: "#57606a" },
  entrance: { fill: "#fff1e5", line: "#bc4c00" },
  compute: { fill: "#fff8c5", line: "#9a6700" },
  queue: { fill: "#fbefff", line: "#8250df" },
  record: { fill: "#ddf4ff", line: "#0969da" },
  redis: { fill: "#ffebe9", line: "#cf222e" },
  watch: { fill: "#f6f8fa", line: "#57606a" },
} as const;

/** The deployed system as a graph in the language of Graphviz, from what a synth registered and nothing else. */
export function describeStack({ resources, functions }: Synthesis): string {
  const all = (type: string) => resources.filter((resource) => resource.type === type);
  const lambdas = all("aws:lambda/function:Function").map((made) => {
    const name = made.name.replace(/Function$/, "");
    const built = functions.find((one) => one.name === name);
    return { name, made, links: Object.keys(built?.links ?? {}) };
  });
  const lambdaAt = (text: unknown): string =>
    lambdas.find(({ made }) => String(text).endsWith(String(made.inputs["name"])))?.name ?? "?";
  const queueAt = (arn: unknown): string =>
    all("aws:sqs/queue:Queue").find(({ inputs }) => String(arn).endsWith(String(inputs["name"])))?.name ??
    "?";

  const nodes: Node[] = [
    ...lambdas.map(({ name, made: { inputs } }) => ({
      id: name,
      kind: "compute" as const,
      label: [name, `${num(inputs, "memorySize")} MB, ${num(inputs, "timeout")} s`],
    })),
    ...all("aws:sqs/queue:Queue").map(queueNode),
    ...all("aws:dynamodb/table:Table").map(({ name, inputs }) => ({
      id: name,
      kind: "record" as const,
      label: ["DynamoDB: the record", tableNotes(inputs)],
    })),
    ...all("aws:s3/bucket:Bucket").map(({ name }) => ({
      id: name,
      kind: "record" as const,
      label: ["S3: large data and results"],
    })),
    ...all("aws:scheduler/schedule:Schedule").map(({ name, inputs }) => ({
      id: name,
      kind: "entrance" as const,
      label: ["EventBridge Scheduler", text(inputs, "scheduleExpression")],
    })),
    ...all("aws:apigatewayv2/api:Api").map(({ name }) => ({
      id: name,
      kind: "entrance" as const,
      label: ["HTTP API"],
    })),
    ...all("aws:lambda/functionUrl:FunctionUrl").map(({ name }) => ({
      id: name,
      kind: "entrance" as const,
      label: ["function URL"],
    })),
  ];
  const edges: Edge[] = [
    ...all("aws:lambda/functionUrl:FunctionUrl").flatMap(({ name, inputs }) => [
      { from: "hosts", to: name, label: "a beat every few seconds" },
      { from: name, to: lambdaAt(inputs["functionName"]) },
    ]),
    ...all("aws:apigatewayv2/api:Api").flatMap(({ name }) => [
      { from: "hosts", to: name, label: "register, claim, complete" },
      { from: "people", to: name, label: "submit, watch" },
      ...routesByFunction(all("aws:apigatewayv2/integration:Integration"), lambdaAt).map(([fn, count]) => ({
        from: name,
        to: fn,
        label: count === 1 ? "1 route" : `${count} routes`,
      })),
    ]),
    ...all("aws:scheduler/schedule:Schedule").flatMap(({ name, inputs }) => {
      const target = inputs["target"] as { arn: string; deadLetterConfig?: { arn: string } };
      const failed = target.deadLetterConfig;
      return [
        { from: name, to: lambdaAt(target.arn) },
        ...(failed ? [{ from: name, to: queueAt(failed.arn), kind: "queue" as const }] : []),
      ];
    }),
    ...all("aws:lambda/eventSourceMapping:EventSourceMapping").map(({ inputs }) => ({
      from: queueAt(inputs["eventSourceArn"]),
      to: lambdaAt(inputs["functionName"]),
      label: `${num(inputs, "batchSize")} at once`,
      kind: "queue" as const,
    })),
    ...all("aws:sqs/queue:Queue").flatMap(({ name, inputs }) => redriveOf(name, inputs, queueAt)),
    ...lambdas.flatMap(({ name, links }) => [
      ...grantedTo(name, resources),
      ...(links.includes("Redis") ? [{ from: name, to: "redis", kind: "redis" as const }] : []),
    ]),
  ];
  return toDot(nodes, edges, watchNotes(resources));
}

function queueNode({ name, inputs }: SynthResource): Node {
  const isLast = inputs["redrivePolicy"] === undefined;
  const notes = isLast
    ? `kept ${num(inputs, "messageRetentionSeconds") / 86_400} days`
    : `visible again after ${num(inputs, "visibilityTimeoutSeconds")} s`;
  return { id: name, kind: "queue", label: [`SQS: ${name.replace(/Queue$/, "")}`, notes] };
}

function tableNotes(inputs: SynthResource["inputs"]): string {
  const { enabled = false } = (inputs["pointInTimeRecovery"] ?? {}) as { enabled?: boolean };
  return [
    inputs["billingMode"] === "PAY_PER_REQUEST" ? "on demand" : "provisioned",
    ...(enabled ? ["any second of 35 days"] : []),
    ...(inputs["deletionProtectionEnabled"] === true ? ["protected"] : []),
  ].join(", ");
}

function routesByFunction(
  integrations: readonly SynthResource[],
  lambdaAt: (text: unknown) => string,
): [fn: string, count: number][] {
  const byFunction = Map.groupBy(integrations, ({ inputs }) => lambdaAt(inputs["integrationUri"]));
  return [...byFunction].map(([fn, { length }]) => [fn, length]);
}

function redriveOf(name: string, inputs: SynthResource["inputs"], queueAt: (arn: unknown) => string): Edge[] {
  const policy = text(inputs, "redrivePolicy");
  if (policy === "") return [];
  const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(policy) as {
    deadLetterTargetArn: string;
    maxReceiveCount: number;
  };
  return [
    {
      from: name,
      to: queueAt(deadLetterTargetArn),
      label: `after ${maxReceiveCount} attempts`,
      kind: "queue",
    },
  ];
}

/** Lines to what a function's role lets it use. */
function grantedTo(name: string, resources: readonly SynthResource[]): Edge[] {
  const role = resources.find((one) => one.type === "aws:iam/role:Role" && one.name === `${name}Role`);
  const policies = (role?.inputs["inlinePolicies"] ?? []) as readonly { readonly policy: string }[];
  const statements = policies.flatMap(
    ({ policy }) =>
      (JSON.parse(policy) as { Statement: { Action: string[]; Resource: string[] }[] }).Statement,
  );
  const lines: Edge[] = [];
  for (const { type, name: to, inputs } of resources) {
    const kind = GRANTABLE[type];
    const called = text(inputs, "name") || text(inputs, "bucket");
    if (!kind || called === "") continue;
    const actions = statements
      .filter(({ Resource }) => Resource.some((resource) => resource.includes(called)))
      .flatMap(({ Action }) => Action);
    // Whoever is fed by a queue may receive from it: that line is the queue's own.
    if (actions.some((action) => kind !== "queue" || action === "sqs:SendMessage"))
      lines.push({ from: name, to, kind });
  }
  return lines;
}
const GRANTABLE: Readonly<Record<string, Kind>> = {
  "aws:sqs/queue:Queue": "queue",
  "aws:dynamodb/table:Table": "record",
  "aws:s3/bucket:Bucket": "record",
};

/** What watches all of it, which has no lines. */
function watchNotes(resources: readonly SynthResource[]): string[] {
  const all = (type: string) => resources.filter((resource) => resource.type === type);
  const groups = all("aws:cloudwatch/logGroup:LogGroup");
  const days = new Set(groups.map(({ inputs }) => num(inputs, "retentionInDays")));
  const alarms = all("aws:cloudwatch/metricAlarm:MetricAlarm").length;
  return [
    `${groups.length} log groups, kept ${[...days].join(" or ")} days`,
    ...(alarms > 0 ? [`${alarms} alarms, to the topic Alarms`] : []),
    ...(all("aws:cloudwatch/dashboard:Dashboard").length > 0 ? ["a dashboard"] : []),
  ];
}

const text = (inputs: SynthResource["inputs"], name: string): string => {
  const value = inputs[name];
  return typeof value === "string" ? value : "";
};
const num = (inputs: SynthResource["inputs"], name: string): number => Number(inputs[name] ?? 0);

function toDot(nodes: readonly Node[], edges: readonly Edge[], notes: readonly string[]): string {
  const quote = (value: string) => `"${value.replaceAll('"', '\\"')}"`;
  const node = ({ id, label, kind }: Node) => {
    const { fill, line } = LOOKS[kind];
    const lines = label.map((each) => quote(each).slice(1, -1)).join("\\n");
    return `${quote(id)} [label="${lines}", fillcolor="${fill}", color="${line}"]`;
  };
  const isQueue = new Set(nodes.filter(({ kind }) => kind === "queue").map(({ id }) => id));
  const isFunction = new Set(nodes.filter(({ kind }) => kind === "compute").map(({ id }) => id));
  const edge = ({ from, to, label, kind = "outside" }: Edge) => {
    // Functions stand in one column and queues behind them, also where a queue feeds a function.
    const back = isQueue.has(from) && isFunction.has(to);
    const ends = back ? `${quote(to)} -> ${quote(from)}` : `${quote(from)} -> ${quote(to)}`;
    const looks = [
      `color="${LOOKS[kind].line}"`,
      ...(label === undefined ? [] : [`label=${quote(` ${label} `)}`]),
      ...(back ? ["dir=back"] : []),
    ];
    return `${ends} [${looks.join(", ")}]`;
  };
  const outside: Node[] = [
    { id: "hosts", kind: "outside", label: ["hosts with agents", "shim worker, hooks"] },
    { id: "people", kind: "outside", label: ["submitters, operators", "shim, dashboards"] },
    { id: "redis", kind: "redis", label: ["Upstash Redis", "hints: queues, deadlines"] },
  ];
  return `digraph {
  graph [rankdir=LR, ranksep=1.1, nodesep=0.28, fontname="Helvetica", fontsize=13, bgcolor="white", pad=0.25]
  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=12, margin="0.22,0.08"]
  edge [fontname="Helvetica", fontsize=10, fontcolor="#57606a", arrowsize=0.7]
  ${outside.map(node).join("\n  ")}
  subgraph cluster_account {
    label="   one region of your AWS account"; labeljust=l; color="#d0d7de"; style=rounded
    ${nodes.map(node).join("\n    ")}
    ${node({ id: "watch", kind: "watch", label: ["CloudWatch", ...notes] })}
    { rank=same; ${nodes
      .filter(({ kind }) => kind === "compute")
      .map(({ id }) => quote(id))
      .join("; ")} }
  }
  ${edges.map(edge).join("\n  ")}
}
`;
}
