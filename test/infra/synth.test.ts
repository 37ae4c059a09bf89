import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { drawStack } from "../../infra/draw/draw.ts";
import { LINK_NAMES } from "../../infra/links.ts";
import type { LinkName } from "../../infra/links.ts";
import { readOptions } from "../../infra/options.ts";
import { FUNCTIONS, ROUTES } from "../../infra/routes.ts";
import type { FunctionName } from "../../infra/routes.ts";
import { synthesize } from "../../infra/synth/synthesize.ts";
import { grantsSuite } from "./grants-suite.ts";
import { needsSuite } from "./needs-suite.ts";
import { stagesSuite } from "./stages-suite.ts";
import { FIRST_SYNTH_TIMEOUT_MS, ROOT, componentOf, useStacks, viewOf } from "./synth-view.ts";
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

it("is what the picture in docs/DEPLOY.md shows: npm run infra:draw draws it anew", async () => {
  const drawn = await readFile(path.join(ROOT, "docs/deployed.svg"), "utf8");
  expect(await drawStack(stackOf("production"))).toBe(drawn);
});

describe("functions", () => {
  it.each(NAMES)("%s exists on disk", (name) => {
    expect(existsSync(path.join(ROOT, FUNCTIONS[name].replace(/\.handler$/, ".ts")))).toBe(true);
  });

  it.each(NAMES)("%s gets its links with the properties that handlers read", (name) => {
    const links = stack.functions.find((fn) => fn.name === componentOf(name))?.links ?? {};
    for (const [link, { type: _, ...properties }] of Object.entries(links))
      expect(Object.keys(properties).toSorted()).toEqual([...LINK_NAMES[link as LinkName]].toSorted());
  });
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

it("never repeats a failed sweep: the next minute's is the retry", () => {
  const invoke = stack.one(
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
    "SweepEventInvokeConfig",
  );
  expect(invoke.inputs["maximumRetryAttempts"]).toBe(0);
});

describe("what whoever deploys may choose", () => {
  const CHOICES = {
    SHIM_UPSTASH: "create",
    SHIM_ALARM_EMAIL: "ops@example.com",
    SHIM_DOMAIN: "shim.example.com",
    SHIM_RESERVED_CONCURRENCY: "heartbeat=50,sweep=2",
  };
  let chosen: StackView;
  beforeAll(async () => {
    const bundled = stack.functions;
    chosen = viewOf(await synthesize({ root: ROOT, stage: "dev", choices: CHOICES, bundled }));
  }, FIRST_SYNTH_TIMEOUT_MS);

  it("a database at Upstash that the stack makes: encrypted on its way, never evicting, linked to every function", () => {
    const { inputs } = chosen.one("upstash:index/redisDatabase:RedisDatabase", "RedisDatabase");
    expect(inputs).toEqual({
      databaseName: "shim-dev",
      region: "global",
      primaryRegion: "us-east-1",
      tls: true,
      eviction: false,
    });
    for (const { links } of chosen.functions)
      expect(links["Redis"]).toMatchObject({ url: "https://shim-dev.upstash.io", token: "synth-rest-token" });
    expect(stack.all("upstash:index/redisDatabase:RedisDatabase")).toEqual([]);
  });

  it("who is told of alarms, which then exist in every stage", () => {
    const { inputs } = chosen.one("aws:sns/topicSubscription:TopicSubscription", "AlarmEmail");
    expect(inputs).toMatchObject({ protocol: "email", endpoint: "ops@example.com" });
    expect(chosen.all("aws:cloudwatch/metricAlarm:MetricAlarm")).toHaveLength(8);
    expect(stackOf("production").all("aws:sns/topicSubscription:TopicSubscription")).toEqual([]);
  });

  it("a domain for the API, with its certificate", () => {
    const { inputs } = chosen.one("aws:apigatewayv2/domainName:DomainName", "ApiDomainName");
    expect(inputs["domainName"]).toBe("shim.example.com");
    expect(stack.all("aws:apigatewayv2/domainName:DomainName")).toEqual([]);
  });

  it("instances that a function always has, and never more", () => {
    const reserved = NAMES.map((name) => {
      const { inputs } = chosen.one("aws:lambda/function:Function", `${componentOf(name)}Function`);
      return [name, inputs["reservedConcurrentExecutions"]] as const;
    });
    expect(reserved.filter(([, count]) => count !== undefined)).toEqual([
      ["heartbeat", 50],
      ["sweep", 2],
    ]);
  });

  it.each([
    ["SHIM_ALARM_EMAIL", "nobody"],
    ["SHIM_DOMAIN", "https://shim.example.com"],
    ["SHIM_RESERVED_CONCURRENCY", "hartbeat=5"],
    ["SHIM_RESERVED_CONCURRENCY", "heartbeat=0"],
    ["SHIM_UPSTASH", "yes"],
  ])("and nothing that makes no sense: %s=%s", (name, value) => {
    expect(() => readOptions({ [name]: value })).toThrow(name);
  });

  it("and by default nothing", () => {
    const nothing = { alarmEmail: null, domain: null, reserved: {}, upstash: "existing" };
    expect(readOptions({})).toEqual(nothing);
    expect(readOptions({ SHIM_ALARM_EMAIL: "", SHIM_DOMAIN: "" })).toEqual(nothing);
  });
});

it("no name in Lambda's environment is missing from the embedded cloud's", async () => {
  const before = { ...process.env };
  const { publishLinks } = await import("../../infra/local/links.ts");
  publishLinks({} as Parameters<typeof publishLinks>[0], { dynamo: "x", queuesAndObjects: "x" });
  const set = new Set(Object.keys(process.env));
  for (const name of set) if (!(name in before)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, before);
  const { inputs } = stack.one("aws:lambda/function:Function", "SweepFunction");
  const { variables } = inputs["environment"] as { variables: object };
  const ours = Object.keys(variables).filter((name) => name.startsWith("POWERTOOLS_"));
  expect(ours).toHaveLength(3);
  for (const name of ours) expect(set).toContain(name);
});
