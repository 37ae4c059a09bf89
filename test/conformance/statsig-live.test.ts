import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { gunzipSync } from "node:zlib";
import { expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod/mini";
import { listenOnLoopback } from "../../infra/local/free-port.ts";
import { createStatsigAllocator } from "../../shared/adapters/statsig/allocator.ts";
import {
  DELIVERY_TIMEOUT_MS,
  RETRY_AFTER_MS,
  START_TIMEOUT_MS,
} from "../../shared/adapters/statsig/live-allocator.ts";
import { bootstrapOf, experimentName } from "../../shared/adapters/statsig/spec.ts";
import { experimentOf, unitOf } from "./allocator-units.ts";
import { createRecordedLog } from "./recorded-log.ts";

const SERVER_KEY = "secret-0123456789abcdefghij";
/** More than what is promised: other tests share the processor. */
const SLACK_MS = 3_000;

const Exposure = z.object({
  eventName: z.literal("statsig::config_exposure"),
  user: z.object({ userID: z.string() }),
  metadata: z.object({ config: z.string(), ruleID: z.string(), isManualExposure: z.literal("true") }),
});
type Exposure = z.infer<typeof Exposure>;
/** The SDK adds one event about its own start. */
const Events = z.object({
  events: z.array(z.union([Exposure, z.object({ eventName: z.literal("statsig::diagnostics") })])),
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return (request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString();
}

type Answer = "ok" | "hang" | number;

/** What statsig-node asks the live service, on loopback; and whatever it or anybody prints. */
async function scene(first: { specs?: Answer; events?: Answer; document?: unknown } = {}) {
  const answers = { specs: first.specs ?? "ok", events: first.events ?? "ok" };
  const document = first.document ?? bootstrapOf("alpha", [experimentOf("exp_1", 0.5)]);
  const requests: string[] = [];
  const events: Exposure[] = [];
  const answer = (how: Answer, response: ServerResponse, body: string) => {
    if (how === "ok") response.end(body);
    else if (how !== "hang") response.writeHead(how).end(`{"message":"key ${SERVER_KEY}"}`);
  };
  const server = createServer((request, response) => {
    void (async () => {
      const url = request.url ?? "";
      requests.push(`${request.method ?? ""} ${url}`);
      const body = await bodyOf(request);
      if (url.includes("/download_config_specs/")) {
        answer(answers.specs, response, JSON.stringify(document));
        return;
      }
      if (url.endsWith("/log_event") && answers.events === "ok") {
        expect(request.headers["statsig-api-key"]).toBe(SERVER_KEY);
        for (const event of Events.parse(JSON.parse(body)).events) if ("user" in event) events.push(event);
      }
      answer(answers.events, response, "{}");
    })();
  });
  const port = await listenOnLoopback(server);
  const printed: unknown[] = [];
  for (const method of ["debug", "info", "log", "warn", "error"] as const)
    vi.spyOn(console, method).mockImplementation((...args) => void printed.push(...args));
  const { log, lines } = createRecordedLog();
  let nowMs = 0;
  const allocator = createStatsigAllocator({
    serverKey: SERVER_KEY,
    log,
    baseUrl: `http://127.0.0.1:${port}/v1`,
    nowMs: () => nowMs,
  });
  onTestFinished(async () => {
    await allocator.close();
    server.close();
    server.closeAllConnections();
    vi.restoreAllMocks();
    expect(printed).toEqual([]);
    expect(JSON.stringify(lines)).not.toContain("secret-");
  });
  return {
    allocator,
    answers,
    events,
    requests,
    lines,
    passMs: (ms: number) => {
      nowMs += ms;
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const experiment = experimentOf("exp_1", 0.5);
const allocate = (allocator: ReturnType<typeof createStatsigAllocator>, index = 1) =>
  allocator.allocate([experiment], experiment, unitOf(index));

async function timed<T>(run: () => Promise<T>): Promise<{ value: T; tookMs: number }> {
  const startMs = performance.now();
  const value = await run();
  return { value, tookMs: performance.now() - startMs };
}

test("the live service decides, allocation alone exposes nothing, and exposures have arrived once flush resolves", async () => {
  const { allocator, events, requests, lines } = await scene();
  const variants = await Promise.all(Array.from({ length: 50 }, (_, i) => allocate(allocator, i)));
  expect(new Set(variants)).toEqual(new Set(["control", "treatment"]));
  await allocator.flush();
  expect(events).toEqual([]);
  expect(requests).toEqual([`GET /v1/download_config_specs/${SERVER_KEY}.json`]);

  variants.slice(0, 3).forEach((variant, i) => {
    if (variant) allocator.expose(experiment, unitOf(i), variant);
  });
  await allocator.flush();
  expect(events.map(({ user, metadata }) => [user.userID, metadata.ruleID])).toEqual([
    ["alpha/task/task_0", variants[0]],
    ["alpha/task/task_1", variants[1]],
    ["alpha/task/task_2", variants[2]],
  ]);
  for (const { metadata } of events) expect(metadata.config).toBe(experimentName("alpha", "exp_1"));
  expect(lines).toEqual([]);
});

test("a flush waits for exposures that the flush before it took", async () => {
  const { allocator, events } = await scene();
  const variant = await allocate(allocator);
  if (variant) allocator.expose(experiment, unitOf(1), variant);
  const first = allocator.flush();
  await allocator.flush();
  expect(events).toHaveLength(1);
  await first;
});

test("exposures of a process that did not allocate arrive too", async () => {
  const before = await scene();
  const variant = await allocate(before.allocator);
  const { allocator, events } = await scene();
  if (variant) allocator.expose(experiment, unitOf(1), variant);
  await allocator.flush();
  expect(events).toHaveLength(1);
});

test("who is in no group is not in control, whatever the default values say", async () => {
  const spec = bootstrapOf("alpha", [experiment]);
  const [known] = spec.dynamic_configs;
  const document = {
    ...spec,
    dynamic_configs: [{ ...known, rules: [], defaultValue: { variant: "control" } }],
  };
  const { allocator, lines } = await scene({ document });
  expect(await allocate(allocator)).toBeNull();
  const unknown = experimentOf("exp_2", 0.5);
  expect(await allocator.allocate([unknown], unknown, unitOf(1))).toBeNull();
  expect(lines).toEqual([]);
});

test("an exposure to a group that Statsig no longer sees is not logged as another", async () => {
  const { allocator, events, lines } = await scene();
  const variant = await allocate(allocator);
  allocator.expose(experiment, unitOf(1), variant === "control" ? "treatment" : "control");
  await allocator.flush();
  expect(events).toEqual([]);
  expect(lines).toMatchObject([{ level: "warn", fields: { events: 1 } }]);
});

test.for(["hang", 500, 401] as const)(
  "while the service answers %s, units are in no arm and nobody waits twice",
  async (specs) => {
    const { allocator, answers, requests, lines, passMs } = await scene({ specs });
    const { value, tookMs } = await timed(() => Promise.all([1, 2, 3].map((i) => allocate(allocator, i))));
    expect(value).toEqual([null, null, null]);
    expect(tookMs).toBeLessThan(START_TIMEOUT_MS + SLACK_MS);
    passMs(RETRY_AFTER_MS - 1);
    expect(await allocate(allocator)).toBeNull();
    expect(requests).toEqual([`GET /v1/download_config_specs/${SERVER_KEY}.json`]);
    expect(lines).toHaveLength(1);

    answers.specs = "ok";
    passMs(1);
    expect(await allocate(allocator)).not.toBeNull();
    expect(requests).toHaveLength(2);
  },
);

test("nobody listens: units are in no arm, and a flush resolves and says what is lost", async () => {
  const { allocator, close, lines } = await scene();
  close();
  expect(await allocate(allocator)).toBeNull();
  allocator.expose(experiment, unitOf(1), "control");
  await allocator.flush();
  expect(lines.map(({ level }) => level)).toEqual(["warn", "warn"]);
  expect(lines[1]?.fields).toEqual({ events: 1, reason: "not started" });
});

test("a key that is none is refused without a request", async () => {
  const { log, lines } = createRecordedLog();
  const allocator = createStatsigAllocator({
    serverKey: "console-abc",
    log,
    baseUrl: "http://127.0.0.1:9/v1",
  });
  expect(await allocate(allocator)).toBeNull();
  expect(JSON.stringify(lines)).not.toContain("console-abc");
  expect(lines).toHaveLength(1);
  await allocator.close();
});

test("exposures are delivered by a second attempt", async () => {
  const { allocator, answers, events, requests, lines } = await scene({ events: 503 });
  const variant = await allocate(allocator);
  if (variant) allocator.expose(experiment, unitOf(1), variant);
  const flushed = allocator.flush();
  await vi.waitFor(() => {
    expect(requests.filter((each) => each.endsWith("/log_event"))).toHaveLength(1);
  });
  answers.events = "ok";
  await flushed;
  expect(events).toHaveLength(1);
  expect(lines).toEqual([]);
});

test.for(["hang", 503, 400] as const)(
  "exposures that the service answers with %s are given up in bounded time, and said",
  async (how) => {
    const { allocator, answers, events, lines } = await scene();
    const variant = await allocate(allocator);
    answers.events = how;
    if (variant) allocator.expose(experiment, unitOf(1), variant);
    const { tookMs } = await timed(() => allocator.flush());
    expect(tookMs).toBeLessThan(DELIVERY_TIMEOUT_MS + SLACK_MS);
    expect(events).toEqual([]);
    expect(lines).toEqual([
      {
        level: "warn",
        message: "exposures did not reach Statsig",
        fields: { events: 1, reason: how === "hang" ? "TimeoutError" : `status ${how}` },
      },
    ]);
  },
);
