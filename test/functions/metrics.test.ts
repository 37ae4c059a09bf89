import { describe, expect, test } from "vitest";
import type { TaskStoryAnswer } from "../../shared/contract/task.ts";
import { createBeatLog } from "../../shared/runtime/beat-log.ts";
import { createBeatMeter } from "../../shared/runtime/beat-meter.ts";
import { withTallies } from "../../shared/runtime/metrics.ts";
import { StoreUnavailable } from "../../shared/ports/unavailable.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { eventually } from "../fixtures/eventually.ts";
import { makeKey, must, registerSession } from "./cast.ts";
import { captureLog } from "./captured-log.ts";

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const SERVICE = "shim-tested";

const log = captureLog();
const cloud = useEmbeddedCloud({ profile: "fast", schedule: false }, async () => {
  process.env["POWERTOOLS_METRICS_DISABLED"] = "false";
  process.env["POWERTOOLS_SERVICE_NAME"] = SERVICE;
});

type Line = Record<string, unknown> & { _aws?: { CloudWatchMetrics: { Dimensions: string[][] }[] } };

/** The lines that functions wrote which are JSON objects. */
const lines = (): Line[] =>
  log
    .text()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Line);
const embedded = (name: string) => lines().filter((line) => line._aws && name in line);

/** The samples of the fleet's metrics, by name and labels. */
async function scrape(key?: string): Promise<Map<string, number>> {
  const { status, headers, body } = await cloud().request("GET", "/metrics", { key });
  expect(status).toBe(200);
  expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const samples = String(body)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    samples.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at))] as const;
    }),
  );
}

describe("after a crash and a recovery", () => {
  test("a task's story, /metrics, embedded metrics and logs agree", async () => {
    const first = await registerSession(cloud(), { id: "s1", host: "h1", capabilities: ["m"] });
    await must(cloud(), "POST", "/v1/tasks", {
      headers: { traceparent: TRACEPARENT },
      body: { id: "told", type: "t", data: { password: "hunter2" }, requires: ["m"] },
    });
    await must(cloud(), "POST", "/v1/sessions/s1/claim", { key: first.token, body: {} });
    const second = await registerSession(cloud(), { id: "s2", host: "h2", capabilities: ["m"] });
    await must(cloud(), "POST", "/v1/sessions/s1/end", {
      key: first.hostToken,
      body: { reason: "crashed", signal: "SIGKILL" },
    });
    // Whoever is placing the task at this moment has taken it from the queue: a claim then finds nothing.
    const held = await eventually("the other session holds it", async () => {
      const { tasks } = await must<{ tasks: { fence: number }[] }>(cloud(), "POST", "/v1/sessions/s2/claim", {
        key: second.token,
        body: {},
      });
      return tasks[0];
    });
    await must(cloud(), "POST", "/v1/tasks/told/complete", {
      key: second.token,
      body: { fence: held.fence, result: "hunter3" },
    });

    const story = await must<TaskStoryAnswer>(cloud(), "GET", "/v1/tasks/told?events=1");
    expect(story.correlationId).toBe("4bf92f3577b34da6a3ce929d0e0e4736");
    expect(story.events?.map(({ state, sessionId, reason }) => [state, sessionId, reason])).toEqual([
      ["queued", null, null],
      ["running", "s1", null],
      ["queued", "s1", "task.crash"],
      ["assigned", "s2", null],
      ["running", "s2", null],
      ["completed", "s2", null],
    ]);
    expect(await must<object>(cloud(), "GET", "/v1/tasks/told")).not.toHaveProperty("events");

    const samples = await scrape();
    const fleet = '{fleet="default"}';
    expect(samples.get(`shim_sessions_crashed_total${fleet}`)).toBe(1);
    expect(samples.get(`shim_active_sessions${fleet}`)).toBe(1);
    expect(samples.get('shim_ended_tasks_total{fleet="default",state="completed"}')).toBe(1);
    expect(samples.get(`shim_crash_recovery_duration_seconds_count${fleet}`)).toBe(1);
    expect(samples.get('shim_crash_recovery_duration_seconds_bucket{fleet="default",le="+Inf"}')).toBe(1);

    const told = lines().filter(({ correlationId }) => correlationId === story.correlationId);
    expect(told.map(({ message }) => message)).toEqual(story.events?.map(({ state }) => `task ${state}`));
    for (const line of told)
      expect(line).toMatchObject({ level: "INFO", service: SERVICE, fleet: "default", task: "told" });
    expect(told[0]).toHaveProperty("requestId");
    expect(embedded("SessionsCrashed")).toHaveLength(1);
    expect(embedded("CrashRecoveryDuration")).toHaveLength(1);
    expect(embedded("TaskDuration")[0]?._aws?.CloudWatchMetrics[0]?.Dimensions).toEqual([["service"]]);
    expect(log.text()).not.toMatch(/hunter/);
  });

  test("a sweep tells what the fleet has, and since when it comes", async () => {
    // The one that the first registration woke.
    const gauges = await eventually("the fleet's gauges", async () => embedded("ActiveSessions").at(-1));
    expect(gauges).toMatchObject({ Fleet: "default", service: SERVICE });
    expect(gauges).toHaveProperty("OpenTasks");
    const samples = await scrape();
    expect(samples.get("shim_uptime_seconds")).toBeGreaterThanOrEqual(0);
    expect(samples.get("shim_sweep_age_seconds")).toBeLessThan(10);
  });

  test("only who may operate may see it, and only of its own fleet", async () => {
    const submit = await makeKey(cloud(), "submit");
    expect(await cloud().request("GET", "/metrics", { key: submit.secret })).toMatchObject({ status: 403 });
    const { adminKey } = await must<{ adminKey: string }>(cloud(), "POST", "/v1/fleets", {
      key: cloud().rootKey,
      body: { id: "other" },
    });
    const samples = await scrape(adminKey);
    expect(samples.get('shim_sessions_crashed_total{fleet="other"}')).toBe(0);
    expect([...samples.keys()].filter((name) => name.includes("default"))).toEqual([]);
  });
});

test("what nobody expected is counted, and told without what was asked", async () => {
  const before = (await scrape()).get("shim_errors_total") ?? NaN;
  const { dispatch } = cloud().queuesAndObjects.queues;
  expect(dispatch.url).toMatch(/^http:\/\/127\.0\.0\.1/);
  cloud().redis.setReachable(false);
  const session = { host: "h1", boot: "b1", agent: "t" };
  expect(await cloud().request("POST", "/v1/sessions", { body: session })).toMatchObject({ status: 503 });
  cloud().redis.setReachable(true);
  expect(embedded("RedisUnavailable").length).toBeGreaterThan(0);
  await expect.poll(async () => (await scrape()).get("shim_errors_total")).toBe(before);
});

describe("an instance that takes beats", () => {
  test("tells once a minute what they cost, and never in between", async () => {
    let nowMs = 0;
    const noted: unknown[] = [];
    const meter = createBeatMeter(
      { note: async (...event) => void noted.push(event) },
      { nowMs: () => nowMs },
    );
    for (const commands of [2, 2, 5]) {
      meter.commandsSent(commands);
      await meter.beatEnded();
      nowMs += 25_000;
    }
    expect(noted).toEqual([]);
    meter.commandsSent(2);
    await meter.beatEnded();
    expect(noted).toEqual([[null, "RedisCommandsPerBeat", 11 / 4]]);
  });

  test("logs as all others do, and never below the level that was asked for", () => {
    const written: Line[] = [];
    process.env["AWS_LAMBDA_LOG_LEVEL"] = "WARN";
    const beatLog = createBeatLog((line) => void written.push(JSON.parse(line) as Line)).with({
      requestId: "r1",
    });
    process.env["AWS_LAMBDA_LOG_LEVEL"] = "DEBUG";
    beatLog.info("not this");
    beatLog.error("this", { store: "redis" });
    expect(written).toEqual([
      {
        level: "ERROR",
        message: "this",
        timestamp: expect.stringMatching(/Z$/) as string,
        service: SERVICE,
        requestId: "r1",
        store: "redis",
      },
    ]);
  });

  test("goes on when the running sums cannot be reached", async () => {
    const warned: string[] = [];
    const noted: unknown[] = [];
    const quiet = { info: () => undefined, error: () => undefined };
    const warning = { ...quiet, warn: (message: string) => void warned.push(message), with: () => warning };
    const told = {
      note: async (...event: unknown[]) => void noted.push(event),
      gauge: async () => undefined,
    };
    const lost = { add: () => Promise.reject(new StoreUnavailable("redis", "down")) };
    await withTallies(told, lost, warning).note("f", "Errors", 1);
    expect([noted.length, warned.length]).toEqual([1, 1]);
    const broken = { add: () => Promise.reject(new Error("a bug")) };
    await expect(withTallies(told, broken, warning).note("f", "Errors", 1)).rejects.toThrow("a bug");
  });
});
