import { connect } from "node:net";
import { text } from "node:stream/consumers";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRouter } from "../../infra/local/gateway-routes.ts";
import { startGateway } from "../../infra/local/gateway.ts";
import type { Gateway } from "../../infra/local/gateway.ts";
import { createFunction } from "../../infra/local/lambda.ts";
import { ROUTES } from "../../infra/routes.ts";

const EVENT_BYTES_LIMIT = 6 * 1_024 * 1_024;

let gateway: Gateway;
let answer: (event: APIGatewayProxyEventV2) => unknown;
const errors: unknown[] = [];

beforeAll(async () => {
  const echo = createFunction({
    name: "echo",
    load: async () => (event) => answer(event as APIGatewayProxyEventV2),
    timeoutMs: 200,
    memoryMb: 128,
  });
  gateway = await startGateway({
    routes: [
      ["GET /things/{id}", "echo"],
      ["$default", "echo"],
    ],
    functions: { echo },
    onError: (_, error) => errors.push(error),
  });
});
afterAll(() => gateway.close());

/** Has the function answer its own event, and reads it. */
async function eventOf(path: string, init: RequestInit = {}): Promise<APIGatewayProxyEventV2> {
  answer = (event) => ({ statusCode: 200, body: JSON.stringify(event) });
  return (await (await fetch(`${gateway.url}${path}`, init)).json()) as APIGatewayProxyEventV2;
}

/** Sends header lines as they are, repeated ones too, which no HTTP client would. */
async function eventOfLines(...lines: string[]): Promise<APIGatewayProxyEventV2> {
  answer = (event) => ({ statusCode: 200, body: JSON.stringify(event) });
  const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
  socket.write([...lines, "Host: example", "Connection: close", "", ""].join("\r\n"));
  const response = await text(socket);
  return JSON.parse(response.slice(response.indexOf("\r\n\r\n"))) as APIGatewayProxyEventV2;
}

async function answerWith(value: unknown): Promise<Response> {
  answer = () => value;
  return fetch(gateway.url);
}

describe("the event", () => {
  test("names the route, the method, the path and its parameters", async () => {
    const event = await eventOf("/things/a%20b?x=1");
    expect(event).toMatchObject({
      version: "2.0",
      routeKey: "GET /things/{id}",
      rawPath: "/things/a b",
      rawQueryString: "x=1",
      pathParameters: { id: "a b" },
      requestContext: {
        routeKey: "GET /things/{id}",
        stage: "$default",
        http: { method: "GET", path: "/things/a b", protocol: "HTTP/1.1", sourceIp: "127.0.0.1" },
      },
    });
    expect(event.requestContext.requestId).toMatch(/^[\w-]{16,}$/);
    expect(event.requestContext.time).toMatch(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
    expect(Math.abs(event.requestContext.timeEpoch - Date.now())).toBeLessThan(10_000);
  });

  test("joins repeated query parameters with commas and decodes them", async () => {
    const event = await eventOf("/?state=queued&state=run%20ning&cursor=a%2Bb%26c&empty=");
    expect(event.queryStringParameters).toEqual({ state: "queued,run ning", cursor: "a+b&c", empty: "" });
    expect(event.rawQueryString).toBe("state=queued&state=run%20ning&cursor=a%2Bb%26c&empty=");
    expect(await eventOf("/")).not.toHaveProperty("queryStringParameters");
  });

  test("joins repeated headers with commas, authorization too, under lower-case names", async () => {
    const event = await eventOfLines(
      "GET / HTTP/1.1",
      "AUTHORIZATION: Bearer one",
      "Authorization: Bearer two",
      "X-Many: a",
      "x-many: b, c",
    );
    expect(event.headers).toMatchObject({ authorization: "Bearer one,Bearer two", "x-many": "a,b, c" });
  });

  test("keeps cookies apart from headers", async () => {
    const event = await eventOfLines("GET / HTTP/1.1", "Cookie: a=1; b=2");
    expect(event.cookies).toEqual(["a=1", "b=2"]);
    expect(event.headers).not.toHaveProperty("cookie");
  });

  test.each([
    "application/json",
    "application/json; charset=utf-8",
    "application/problem+json",
    "text/plain",
  ])("a body of type %s arrives as text", async (type) => {
    const event = await eventOf("/", {
      method: "POST",
      headers: { "content-type": type },
      body: '{"ä":"🚀"}',
    });
    expect(event).toMatchObject({ body: '{"ä":"🚀"}', isBase64Encoded: false });
  });

  test("bodies of other types arrive as base64, byte for byte", async () => {
    const bytes = new Uint8Array([0, 255, 13, 10, 128]);
    const headers = { "content-type": "application/octet-stream" };
    const event = await eventOf("/", { method: "POST", headers, body: bytes });
    expect(event).toMatchObject({ body: Buffer.from(bytes).toString("base64"), isBase64Encoded: true });
  });

  test("a JSON body that is not UTF-8 arrives as its bytes, so that it can be refused", async () => {
    const bytes = new Uint8Array([0x22, 0xc3, 0x28, 0x22]);
    const headers = { "content-type": "application/json" };
    const event = await eventOf("/", { method: "POST", headers, body: bytes });
    expect(event).toMatchObject({ body: Buffer.from(bytes).toString("base64"), isBase64Encoded: true });
  });

  test("a byte order mark is left to the handler, and no body is no body", async () => {
    const headers = { "content-type": "application/json" };
    const event = await eventOf("/", { method: "POST", headers, body: "\uFEFF{}" });
    expect(event.body).toBe("\uFEFF{}");
    expect(await eventOf("/", { method: "POST" })).not.toHaveProperty("body");
  });

  test("a path that cannot be decoded is refused before any function", async () => {
    answer = () => {
      throw new Error("must not run");
    };
    expect((await fetch(`${gateway.url}/%E0%A4%A`)).status).toBe(400);
  });
});

describe("the answer", () => {
  test("status, headers, cookies and text are passed on", async () => {
    const headers = { "content-type": "application/problem+json", "retry-after": 3 };
    const response = await answerWith({ statusCode: 503, headers, cookies: ["a=1", "b=2"], body: "{}" });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("3");
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(await response.text()).toBe("{}");
  });

  test("base64 bodies become bytes, and an answer without a status is JSON with 200", async () => {
    const bytes = Buffer.from([0, 255, 1]);
    const binary = await answerWith({
      statusCode: 200,
      body: bytes.toString("base64"),
      isBase64Encoded: true,
    });
    expect(Buffer.from(await binary.arrayBuffer())).toEqual(bytes);
    const inferred = await answerWith({ hello: "world" });
    expect([inferred.status, await inferred.json()]).toEqual([200, { hello: "world" }]);
  });

  test("a function that throws, is late or answers nonsense is a 500 that tells callers nothing", async () => {
    const before = errors.length;
    const failures: (() => unknown)[] = [
      () => {
        throw new Error("secret reason");
      },
      () => new Promise(() => undefined),
      () => null,
      () => ({ statusCode: "200" }),
    ];
    for (const failure of failures) {
      answer = failure;
      const response = await fetch(gateway.url);
      expect([response.status, await response.json()]).toEqual([500, { message: "Internal Server Error" }]);
    }
    expect(errors.slice(before).map(String)).toEqual([
      expect.stringContaining("secret reason"),
      expect.stringContaining("timed out after 0.2 seconds"),
      expect.stringContaining("neither a response nor JSON"),
      expect.stringContaining("neither a response nor JSON"),
    ]);
  });
});

describe("the size of a request", () => {
  const post = (bytes: number) =>
    fetch(gateway.url, {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: "x".repeat(bytes),
    });

  test("what fits into an event of 6 MB is passed on, and more is a 413 problem", async () => {
    answer = (event) => ({ statusCode: 200, body: String(event.body?.length) });
    const largest = EVENT_BYTES_LIMIT - 2_000;
    expect(await (await post(largest)).text()).toBe(String(largest));
    const refused = await post(EVENT_BYTES_LIMIT);
    expect(refused.status).toBe(413);
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
    expect(await refused.json()).toMatchObject({ status: 413, code: "body.too_large" });
    expect((await post(2 * EVENT_BYTES_LIMIT)).status).toBe(413);
  });
});

describe("the choice of a route", () => {
  test.each([
    ["POST", "/v1/heartbeat", "heartbeat", undefined],
    ["GET", "/v1/heartbeat", "operator", undefined],
    ["POST", "/v1/sessions/s1/end", "sessions", { id: "s1" }],
    ["POST", "/v1/sessions//end", "operator", undefined],
    ["GET", "/v1/sessions/s1", "operator", undefined],
    ["POST", "/v1/tasks", "tasks", undefined],
    ["DELETE", "/v1/tasks", "operator", undefined],
    ["GET", "/v1/tasks/", "operator", undefined],
    ["PATCH", "/v1/tasks/t1", "tasks", { proxy: "t1" }],
    ["POST", "/v1/tasks/t1/complete", "tasks", { proxy: "t1/complete" }],
    ["GET", "/", "operator", undefined],
  ])("%s %s goes to %s", (method, path, target, pathParameters) => {
    expect(createRouter(ROUTES)(method, path)).toMatchObject({ target, pathParameters });
  });

  test("the order in which routes are written does not matter", () => {
    const routes = [
      ["$default", "d"],
      ["ANY /a/{proxy+}", "greedy"],
      ["ANY /a/{id}", "any"],
      ["GET /a/{id}", "variable"],
      ["GET /a/b", "exact"],
    ] as const;
    for (const order of [routes, routes.toReversed()]) {
      const find = createRouter(order);
      expect(find("GET", "/a/b")?.target).toBe("exact");
      expect(find("GET", "/a/c")?.target).toBe("variable");
      expect(find("PUT", "/a/c")?.target).toBe("any");
      expect(find("GET", "/a/c/d")?.target).toBe("greedy");
      expect(find("GET", "/b")?.target).toBe("d");
    }
  });
});
