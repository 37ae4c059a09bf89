import { describe, expect, test } from "vitest";
import {
  BODY_BYTES_LIMIT,
  BODY_DEPTH_LIMIT,
  CAPABILITIES_LIMIT,
  DEPENDENCIES_LIMIT,
  IDEMPOTENCY_KEY_CHARACTERS_LIMIT,
  LABELS_LIMIT,
  LABEL_CHARACTERS_LIMIT,
  MAX_ATTEMPTS_LIMIT,
  PRIORITY_LIMIT,
  SESSION_CAPACITY_LIMIT,
  SUBMIT_TASKS_LIMIT,
  TASK_DATA_BYTES_LIMIT,
  TASK_RESULT_BYTES_LIMIT,
  TASK_TIMEOUT_MS_LIMIT,
  TEXT_CHARACTERS_LIMIT,
} from "../../shared/contract/limits.ts";
import type { Task } from "../../shared/contract/task.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { holdTask, must, registerSession } from "./cast.ts";
import { sendRaw } from "./raw-request.ts";

/**
 * The other side of each limit, one more being refused, is in bad-input.test.ts; a host of as many sessions as may be in
 * ../system/steady-beat.test.ts, which has one.
 */

const cloud = useEmbeddedCloud({
  profile: "standard",
  schedule: false,
  functions: { sweep: "test/functions/quiet.handler", dispatch: "test/functions/quiet.handler" },
});

/** Text that is so many bytes as JSON, its quotes among them. */
const bytes = (length: number) => "x".repeat(length - '""'.length);
const words = (count: number) => Array.from({ length: count }, (_, i) => `w${i}`);
const longest = (filler: string) => filler.repeat(LABEL_CHARACTERS_LIMIT);

async function submitText(body: string): Promise<Task[]> {
  const headers = [
    ["authorization", `Bearer ${cloud().adminKey}`],
    ["content-type", "application/json; charset=utf-8"],
  ] as const;
  const answer = await sendRaw(cloud().url, { method: "POST", path: "/v1/tasks", headers, body });
  expect(answer.status, answer.text.slice(0, 500)).toBe(202);
  return (answer.body as { tasks: Task[] }).tasks;
}

describe("a task at the limit is accepted and comes back whole", () => {
  const atTheLimit: readonly (readonly [
    string,
    Partial<Record<keyof Task | "affinity" | "timeoutMs", unknown>>,
  ])[] = [
    ["data of 256 KB", { data: bytes(TASK_DATA_BYTES_LIMIT) }],
    ["no data but null", { data: null }],
    ["an id of 64 characters", { id: `${"i".repeat(60)}_.-9` }],
    ["a type of 64 characters", { type: longest("t") }],
    ["a group of 64 characters", { group: longest("g") }],
    ["a key of 64 characters", { key: longest("k") }],
    ["the highest priority", { priority: 1 }],
    ["the lowest priority", { priority: PRIORITY_LIMIT }],
    ["100 attempts", { maxAttempts: MAX_ATTEMPTS_LIMIT }],
    ["one attempt", { maxAttempts: 1 }],
    ["the longest time", { timeoutMs: TASK_TIMEOUT_MS_LIMIT }],
    ["the shortest time", { timeoutMs: 1 }],
    [
      "20 requirements of 64 characters",
      {
        requires: words(CAPABILITIES_LIMIT)
          .map((word) => word.padEnd(LABEL_CHARACTERS_LIMIT, "x"))
          .sort(),
      },
    ],
  ];

  test.each(atTheLimit)("%s", async (_, wanted) => {
    const { tasks } = await must<{ tasks: Task[] }>(cloud(), "POST", "/v1/tasks", {
      body: { type: "test", data: {}, requires: ["nobody"], ...wanted },
    });
    const [task] = tasks;
    const { timeoutMs: _hidden, ...shown } = wanted;
    expect(task).toMatchObject(shown);
    const read = await must<{ task: Task }>(cloud(), "GET", `/v1/tasks/${task?.id ?? ""}`);
    expect(read.task).toEqual(task);
  });

  test("100 tasks at once, the last of them waiting for 100 others", async () => {
    const others = Array.from({ length: SUBMIT_TASKS_LIMIT }, (_, i) => ({
      id: `crowd-${i}`,
      type: "test",
      data: i,
      requires: ["nobody"],
    }));
    const { tasks } = await must<{ tasks: Task[] }>(cloud(), "POST", "/v1/tasks", { body: others });
    expect(tasks.map(({ data }) => data)).toEqual(others.map(({ data }) => data));
    const dependsOn = others.map(({ id }) => id);
    expect(dependsOn).toHaveLength(DEPENDENCIES_LIMIT);
    const last = await must<{ tasks: Task[] }>(cloud(), "POST", "/v1/tasks", {
      body: { type: "test", data: 0, dependsOn },
    });
    expect(last.tasks).toMatchObject([{ state: "blocked", dependsOn }]);
  });

  test("data nested as deep as a body may be", async () => {
    const levels = BODY_DEPTH_LIMIT - 1;
    const nested = `${"[".repeat(levels)}${"]".repeat(levels)}`;
    const [task] = await submitText(`{"type":"test","data":${nested}}`);
    expect(JSON.stringify(task?.data)).toBe(nested);
  });

  test("numbers as large and as small as they come", async () => {
    const data = `[1.7976931348623157e+308,-1.7976931348623157e+308,5e-324,9007199254740991,0]`;
    const [task] = await submitText(`{"type":"test","data":${data}}`);
    expect(JSON.stringify(task?.data)).toBe(data);
  });

  test("keys that only look forbidden, and every character there is", async () => {
    const data = {
      __proto: 1,
      "a\u0000b": "\u2028\ud83d\ude00\u0000",
      toString: "x",
      valueOf: { hasOwnProperty: 1 },
    };
    const { tasks } = await must<{ tasks: Task[] }>(cloud(), "POST", "/v1/tasks", {
      body: { type: "test", data },
    });
    expect(tasks).toMatchObject([{ data }]);
  });
});

describe("a body of exactly 5 MB is read", () => {
  test("mostly of white space", async () => {
    await submitText(`{"type":"test","data":1}`.padEnd(BODY_BYTES_LIMIT));
  });

  test("of tasks whose data is as large as it may be", async () => {
    const data = bytes(TASK_DATA_BYTES_LIMIT);
    const task = JSON.stringify({ type: "test", data, requires: ["nobody"] });
    const count = Math.floor((BODY_BYTES_LIMIT - 2) / (task.length + 1));
    const tasks = await submitText(
      `[${Array.from({ length: count }, () => task).join(",")}]`.padEnd(BODY_BYTES_LIMIT),
    );
    expect(tasks).toHaveLength(count);
    expect(tasks.at(-1)?.data).toBe(data);
  });
});

describe("a session at the limit", () => {
  test("has 20 labels and capabilities of 64 characters, a capacity of 100 and a long folder's name", async () => {
    const labels = Object.fromEntries(
      words(LABELS_LIMIT).map((word) => [word.padEnd(LABEL_CHARACTERS_LIMIT, "n"), longest("é")]),
    );
    const capabilities = words(CAPABILITIES_LIMIT)
      .map((word) => word.padEnd(LABEL_CHARACTERS_LIMIT, "c"))
      .sort();
    const { session } = await must<{ session: object }>(cloud(), "POST", "/v1/sessions", {
      body: {
        id: "s".repeat(64),
        host: "h".repeat(64),
        boot: "b".repeat(64),
        agent: longest("a"),
        labels,
        capabilities,
        capacity: SESSION_CAPACITY_LIMIT,
        cwd: "/".repeat(TEXT_CHARACTERS_LIMIT),
      },
      headers: { "idempotency-key": "!".repeat(IDEMPOTENCY_KEY_CHARACTERS_LIMIT) },
    });
    expect(session).toMatchObject({ labels, capabilities, capacity: SESSION_CAPACITY_LIMIT });
  });

  test("reports 100 per cent with a long message and completes with 256 KB", async () => {
    const session = await registerSession(cloud(), {
      id: "finisher",
      host: "h6",
      capabilities: ["finisher"],
    });
    const fence = await holdTask(cloud(), session, { id: "large" });
    const message = "m".repeat(TEXT_CHARACTERS_LIMIT);
    const say = (what: string, body: object) =>
      must<{ task: Task }>(cloud(), "POST", `/v1/tasks/large/${what}`, { key: session.token, body });
    for (const percent of [0, 100])
      expect((await say("progress", { fence, percent, message })).task.progress).toEqual({
        percent,
        message,
      });
    const result = bytes(TASK_RESULT_BYTES_LIMIT);
    expect((await say("complete", { fence, result })).task.result).toBe(result);
    expect((await must<{ task: Task }>(cloud(), "GET", "/v1/tasks/large")).task.result).toBe(result);
  });

  test("claims up to 100 tasks, and never more than its capacity", async () => {
    const session = await registerSession(cloud(), {
      id: "greedy",
      host: "h7",
      capabilities: ["greedy"],
      capacity: 2,
    });
    const body = words(3).map((id) => ({ id: `greedy-${id}`, type: "test", data: {}, requires: ["greedy"] }));
    await must(cloud(), "POST", "/v1/tasks", { body });
    const { tasks } = await must<{ tasks: object[] }>(cloud(), "POST", "/v1/sessions/greedy/claim", {
      key: session.token,
      body: { max: SESSION_CAPACITY_LIMIT },
    });
    expect(tasks).toHaveLength(2);
  });
});
