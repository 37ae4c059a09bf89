import { existsSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { FUNCTION_LINKS, LINK_NAMES } from "../../infra/links.ts";
import type { LinkName } from "../../infra/links.ts";
import { FUNCTIONS, ROUTES } from "../../infra/routes.ts";
import type { FunctionName } from "../../infra/routes.ts";
import { FUNCTION_SIZES, QUEUE_SIZES } from "../../infra/sizes.ts";
import { grantsSuite } from "./grants-suite.ts";
import { needsSuite } from "./needs-suite.ts";
import { stagesSuite } from "./stages-suite.ts";
import { ROOT, componentOf, useStacks } from "./synth-view.ts";
import type { StackView } from "./synth-view.ts";

const NAMES = Object.keys(FUNCTIONS) as FunctionName[];
/** Fewer means that the run ended before the stack was whole: everything below would then pass on nothing. */
const RESOURCES_MINIMUM = 110;

const stackOf = useStacks();
let stack: StackView;
beforeAll(() => {
  stack = stackOf("dev");
});

describe("grants", () => {
  grantsSuite(stackOf);
});
describe("needs", () => {
  needsSuite();
});
describe("stages", () => {
  stagesSuite(stackOf);
});

it("registers the whole stack", () => {
  expect(stack.resources.length).toBeGreaterThanOrEqual(RESOURCES_MINIMUM);
});

describe("functions", () => {
  it("deploys every handler that routes.ts names, and no other", () => {
    const deployed = stack.all("aws:lambda/function:Function").map(({ inputs }) => inputs["handler"]);
    expect(deployed.toSorted()).toEqual(Object.values(FUNCTIONS).toSorted());
    expect(stack.functions.map(({ handler }) => handler).toSorted()).toEqual(deployed.toSorted());
  });

  it.each(NAMES)("%s exists on disk and gets its own size on Node 24, arm64", (name) => {
    expect(existsSync(path.join(ROOT, FUNCTIONS[name].replace(/\.handler$/, ".ts")))).toBe(true);
    const { inputs } = stack.one("aws:lambda/function:Function", `${componentOf(name)}Function`);
    expect(inputs).toMatchObject({
      runtime: "nodejs24.x",
      architectures: ["arm64"],
      memorySize: FUNCTION_SIZES[name].memoryMb,
      timeout: FUNCTION_SIZES[name].timeoutS,
    });
  });

  it.each(NAMES)("%s gets exactly its links, with the properties that handlers read", (name) => {
    const links = stack.functions.find((fn) => fn.name === componentOf(name))?.links ?? {};
    expect(Object.keys(links).toSorted()).toEqual([...FUNCTION_LINKS[name]].toSorted());
    for (const [link, { type: _, ...properties }] of Object.entries(links)) {
      expect(Object.keys(properties).toSorted()).toEqual([...LINK_NAMES[link as LinkName]].toSorted());
      expect(Object.values(properties)).not.toContain("");
    }
  });

  it.each(NAMES)("%s has the default profile and no secret in its plain environment", (name) => {
    const { inputs } = stack.one("aws:lambda/function:Function", `${componentOf(name)}Function`);
    const { variables } = inputs["environment"] as { variables: Record<string, string> };
    expect(Object.keys(variables).toSorted()).toEqual([
      "SHIM_DEFAULT_PROFILE",
      "SST_KEY",
      "SST_KEY_FILE",
      "SST_RESOURCE_App",
    ]);
    expect(variables["SHIM_DEFAULT_PROFILE"]).toBe("standard");
  });

  it.each(NAMES)("%s logs to a group of its own that forgets", (name) => {
    const group = stack.one("aws:cloudwatch/logGroup:LogGroup", `${componentOf(name)}Logs`).inputs;
    const { loggingConfig } = stack.one(
      "aws:lambda/function:Function",
      `${componentOf(name)}Function`,
    ).inputs;
    expect(loggingConfig).toMatchObject({ logGroup: group["name"] });
    expect(group["retentionInDays"]).toBe(7);
  });
});

it("deploys every function minified: a cold start pays for each byte", () => {
  expect(stack.functions.map(({ minified }) => minified)).toEqual(NAMES.map(() => true));
});

describe("API", () => {
  it("sends every route to its function, and knows no other route", () => {
    const deployed = stack.all("aws:apigatewayv2/route:Route").map(({ inputs }) => {
      const integration = String(inputs["target"]).replace(/^integrations\/(.*)-id$/, "$1");
      const target = stack.one("aws:apigatewayv2/integration:Integration", integration).inputs;
      expect(target).toMatchObject({ integrationType: "AWS_PROXY", payloadFormatVersion: "2.0" });
      return `${String(inputs["routeKey"])} -> ${String(target["integrationUri"])}`;
    });
    expect(deployed.toSorted()).toEqual(
      ROUTES.map(([route, fn]) => `${route} -> ${stack.arnOf(fn)}`).toSorted(),
    );
  });

  it("may invoke each function that it routes to", () => {
    const callable = stack
      .all("aws:lambda/permission:Permission")
      .filter(({ inputs }) => inputs["principal"] === "apigateway.amazonaws.com")
      .map(({ inputs }) => inputs["function"]);
    for (const [, fn] of ROUTES) expect(callable).toContain(stack.arnOf(fn));
  });

  it("allows no page of another origin", () => {
    expect(stack.one("aws:apigatewayv2/api:Api", "ApiApi").inputs["corsConfiguration"]).toEqual({});
    expect(stack.one("aws:lambda/functionUrl:FunctionUrl", "HeartbeatUrl").inputs).not.toHaveProperty("cors");
  });

  it("takes heartbeats at a URL of their own, on the path that the API has for them", () => {
    expect(stack.all("aws:lambda/functionUrl:FunctionUrl").map(({ name }) => name)).toEqual(["HeartbeatUrl"]);
    const sessions = stack.functions.find(({ name }) => name === "Sessions");
    const url = new URL(String(sessions?.links["HeartbeatEndpoint"]?.["url"]));
    expect(url.hostname).toMatch(/^heartbeaturl\.lambda-url\./);
    expect(ROUTES).toContainEqual([`POST ${url.pathname}`, "heartbeat"]);
  });
});

describe("queues", () => {
  const CONSUMERS = [
    ["DispatchQueue", "DispatchDeadLetters", "dispatch", QUEUE_SIZES.dispatch],
    ["WakeQueue", "WakeDeadLetters", "sweep", QUEUE_SIZES.wake],
  ] as const;

  it.each(CONSUMERS)(
    "%s hides a message for six timeouts, then sets it aside for 14 days",
    (queue, deadLetters, fn, size) => {
      const { inputs } = stack.one("aws:sqs/queue:Queue", `${queue}Queue`);
      expect(inputs["visibilityTimeoutSeconds"]).toBeGreaterThanOrEqual(6 * FUNCTION_SIZES[fn].timeoutS);
      const aside = stack.one("aws:sqs/queue:Queue", `${deadLetters}Queue`).inputs;
      expect(JSON.parse(String(inputs["redrivePolicy"]))).toEqual({
        deadLetterTargetArn: `arn:aws:sqs:us-east-1:123456789012:${String(aside["name"])}`,
        maxReceiveCount: size.receiveLimit,
      });
      expect(aside["messageRetentionSeconds"]).toBe(1_209_600);
      for (const made of [inputs, aside]) expect(made["sqsManagedSseEnabled"]).toBe(true);
    },
  );

  it.each(CONSUMERS)(
    "%s feeds its function at once, in bounded numbers, message by message",
    (queue, _, fn, size) => {
      const arn = `arn:aws:sqs:us-east-1:123456789012:${String(stack.one("aws:sqs/queue:Queue", `${queue}Queue`).inputs["name"])}`;
      const mappings = stack
        .all("aws:lambda/eventSourceMapping:EventSourceMapping")
        .filter(({ inputs }) => inputs["eventSourceArn"] === arn);
      expect(mappings).toHaveLength(1);
      expect(mappings[0]?.inputs).toMatchObject({
        functionName: stack.arnOf(fn),
        batchSize: size.batchSize,
        maximumBatchingWindowInSeconds: 0,
        functionResponseTypes: ["ReportBatchItemFailures"],
        scalingConfig: { maximumConcurrency: size.concurrencyLimit },
      });
    },
  );

  it("lets dispatch, and nothing else, feed its own queue", () => {
    const allowed = stack.all("aws:lambda/functionRecursionConfig:FunctionRecursionConfig");
    const { name } = stack.one("aws:lambda/function:Function", "DispatchFunction").inputs;
    expect(allowed.map(({ inputs }) => inputs)).toEqual([{ functionName: name, recursiveLoop: "Allow" }]);
  });
});

describe("schedule", () => {
  it("sweeps every whole minute, which is all that schedules know", () => {
    const schedules = stack.all("aws:scheduler/schedule:Schedule").map(({ inputs }) => inputs);
    expect(schedules).toHaveLength(1);
    expect(schedules[0]).toMatchObject({ scheduleExpression: "rate(1 minute)", state: "ENABLED" });
    expect(schedules[0]?.["target"]).toMatchObject({ arn: stack.arnOf("sweep") });
  });

  it("never repeats a failed sweep: the next minute's is the retry", () => {
    const [schedule] = stack.all("aws:scheduler/schedule:Schedule");
    expect(schedule?.inputs["target"]).toMatchObject({ retryPolicy: { maximumRetryAttempts: 0 } });
    const invoke = stack.one(
      "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
      "SweepEventInvokeConfig",
    );
    expect(invoke.inputs["maximumRetryAttempts"]).toBe(0);
  });
});
