import { expect, test } from "vitest";
import type { CancelGroupAnswer, RedriveAnswer } from "../../shared/contract/bulk.ts";
import type { HeldTask, Session } from "../../shared/contract/session.ts";
import type { ProgressSummary, Task } from "../../shared/contract/task.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { eventually } from "../fixtures/eventually.ts";
import { must, registerSession } from "./cast.ts";

const cloud = useEmbeddedCloud({
  profile: "standard",
  schedule: false,
  functions: { sweep: "test/functions/quiet.handler", dispatch: "test/functions/quiet.handler" },
});

const post = <T>(path: string, body?: object, key = cloud().adminKey) =>
  must<T>(cloud(), "POST", path, { key, body });
const get = <T>(path: string) => must<T>(cloud(), "GET", path, { key: cloud().adminKey });
const nowhere = { type: "t", data: {}, requires: ["nobody"] };

/** Follows the cursor to the end, and adds up. */
async function toTheEnd<A extends { cursor: string | null }>(path: string, body: object): Promise<A[]> {
  const answers: A[] = [];
  let cursor: string | null = null;
  do {
    const answer: A = await post<A>(path, { ...body, cursor });
    answers.push(answer);
    cursor = answer.cursor;
  } while (cursor !== null);
  return answers;
}

test("a group is cancelled in several requests, and a cursor is of its group and listing alone", async () => {
  for (let i = 0; i < 62; i++) await post("/v1/tasks", { ...nowhere, id: `c${i}`, group: "g" });
  await post("/v1/tasks", { ...nowhere, id: "other", group: "h" });
  const first = await post<CancelGroupAnswer>("/v1/tasks/cancel", { group: "g", reason: "not needed" });
  expect(first.cancelled).toBeGreaterThan(0);
  for (const [path, body] of [
    ["/v1/tasks/cancel", { group: "h", cursor: first.cursor }],
    ["/v1/dead-letters/redrive", { group: "g", cursor: first.cursor }],
  ] as const) {
    const answer = await cloud().request("POST", path, { body });
    expect(answer).toMatchObject({ status: 400, body: { code: "cursor.invalid" } });
  }
  // Submissions are walked by ids of chance: any task may be one of the rest.
  const again = { group: "g", reason: "not needed" };
  const rest = await toTheEnd<CancelGroupAnswer>("/v1/tasks/cancel", again);
  expect(first.cancelled + rest.reduce((sum, { cancelled }) => sum + cancelled, 0)).toBe(62);
  const { task } = await get<{ task: Task }>("/v1/tasks/c0");
  expect(task).toMatchObject({
    state: "cancelled",
    error: { code: "task.cancelled", message: "not needed" },
  });
  expect((await get<{ task: Task }>("/v1/tasks/other")).task.state).toBe("queued");
  const counts = await get<ProgressSummary>("/v1/progress?group=g");
  expect(counts).toMatchObject({ totalTasks: 62, cancelledTasks: 62 });
});

test("dead letters are listed, and redriven with what they depend on", async () => {
  const { token } = await registerSession(cloud(), { id: "failing", host: "hf", capabilities: ["f"] });
  const failing = { type: "f", data: { long: "x".repeat(2_000) }, requires: ["f"], group: "dead" };
  await post("/v1/tasks", [
    { ...failing, id: "f1" },
    { ...failing, id: "f2", dependsOn: ["f1"] },
  ]);
  const { tasks } = await post<{ tasks: HeldTask[] }>("/v1/sessions/failing/claim", {}, token);
  const fence = tasks[0]?.fence;
  await post("/v1/tasks/f1/fail", { fence, error: { message: "no" }, retryable: false }, token);
  const letters = async (query: string) =>
    (await get<{ tasks: Task[] }>(`/v1/dead-letters?${query}`)).tasks.map(({ id }) => id).sort();
  await eventually("the index has them", async () => (await letters("group=dead")).length === 2);
  expect(await letters("type=f")).toEqual(["f1", "f2"]);
  expect(await letters("type=other")).toEqual([]);
  const answers = await toTheEnd<RedriveAnswer>("/v1/dead-letters/redrive", { group: "dead" });
  expect(answers.reduce((sum, { redriven }) => sum + redriven, 0)).toBe(2);
  expect((await get<{ task: Task }>("/v1/tasks/f2")).task).toMatchObject({
    ...{ state: "blocked", data: failing.data },
  });
  await eventually("the index has none", async () => (await letters("")).length === 0);
});

test("all sessions of a host drain, and those of another do not", async () => {
  for (const [id, host] of [
    ["d1", "hd"],
    ["d2", "hd"],
    ["e1", "he"],
  ] as const)
    await registerSession(cloud(), { id, host });
  const { sessions } = await post<{ sessions: Session[] }>("/v1/hosts/hd/drain");
  expect(sessions.map(({ id, state }) => [id, state])).toEqual([
    ["d1", "draining"],
    ["d2", "draining"],
  ]);
  expect((await get<{ session: Session }>("/v1/sessions/e1")).session.state).toBe("live");
  expect(await post("/v1/hosts/hd/drain")).toMatchObject({ sessions: [{ id: "d1" }, { id: "d2" }] });
});
