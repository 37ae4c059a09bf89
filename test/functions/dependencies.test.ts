import { expect, test } from "vitest";
import { ClaimAnswer, type HeldTask, RegisterAnswer } from "../../shared/contract/session.ts";
import { ProgressSummary, TaskAnswer } from "../../shared/contract/task.ts";
import { CompleteAnswer } from "../../agent/worker/agent-api.ts";
import { createHttp } from "../../agent/http.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { createFleet, createFleetApi } from "../fixtures/fleet-api.ts";

const cloud = useEmbeddedCloud({
  profile: "standard",
  schedule: false,
  functions: { sweep: "test/functions/quiet.handler", dispatch: "test/functions/quiet.handler" },
});

/** A fleet with one session, and what that session does. */
async function working() {
  const fleet = await createFleet(cloud(), "standard");
  const http = createHttp(fleet.url);
  const post = { method: "POST" as const };
  const { token } = await http({
    ...post,
    ...{ path: "/v1/sessions", answer: RegisterAnswer, bearer: fleet.key },
    body: { id: "s1", host: "h1", boot: "b1", agent: "test", capacity: 10 },
  });
  const held = (act: string, { task, fence }: HeldTask, body: object) => ({
    ...post,
    ...{ path: `/v1/tasks/${task.id}/${act}`, bearer: token, body: { fence, ...body } },
  });
  return {
    ...createFleetApi(fleet),
    results: () =>
      http({ method: "GET", path: "/v1/progress?group=g", answer: ProgressSummary, bearer: fleet.key }),
    claim: async (max: number) =>
      (
        await http({
          ...post,
          path: "/v1/sessions/s1/claim",
          answer: ClaimAnswer,
          bearer: token,
          body: { max },
        })
      ).tasks,
    complete: async (task: HeldTask, result: unknown) =>
      (await http({ ...held("complete", task, { result }), answer: CompleteAnswer })).next,
    fail: async (task: HeldTask) =>
      http({
        ...held("fail", task, { error: { message: "no" }, retryable: false }),
        answer: TaskAnswer,
      }),
  };
}

test("policies act, inputs are handed out, and results are read while others still run", async () => {
  const { submit, claim, complete, fail, task, results } = await working();
  const on = (id: string, onFailure: "fail" | "skip" | "run") => ({ id, onFailure });
  await submit({ id: "a", group: "g" }, { id: "b", group: "g" });
  await submit(
    { id: "runs", group: "g", dependsOn: [on("a", "run"), "b"] },
    { id: "skips", group: "g", dependsOn: [on("a", "skip")] },
    { id: "fails", group: "g", dependsOn: [on("a", "fail")] },
    { id: "last", group: "g", dependsOn: [on("skips", "run"), on("fails", "run"), "runs"] },
  );
  const [a, b] = (await claim(2)).sort((x, y) => (x.task.id < y.task.id ? -1 : 1));
  if (!a || !b) throw new Error("nothing was handed out");
  expect(a.inputs).toEqual({});
  await fail(a);
  expect(await task("skips")).toMatchObject({ state: "cancelled", error: { code: "dependency.skipped" } });
  expect(await task("fails")).toMatchObject({ state: "failed", error: { code: "dependency.failed" } });
  expect(await task("runs")).toMatchObject({
    ...{ state: "blocked", dependsOn: ["a", "b"], onFailure: { a: "run" } },
  });
  expect(await task("fails")).not.toHaveProperty("onFailure");

  const large = { text: "x".repeat(20_000) };
  const runs = await complete(b, large);
  expect(runs).toMatchObject({ task: { id: "runs" } });
  expect(runs?.inputs).toEqual({
    a: { state: "failed", result: null, error: { message: "no" } },
    b: { state: "completed", result: large, error: null },
  });

  const summary = await results();
  expect(summary).toMatchObject({
    ...{ totalTasks: 6, completedTasks: 1, failedTasks: 2, cancelledTasks: 1 },
    ...{ inProgressTasks: 1, queuedTasks: 1, cursor: null },
  });
  expect(summary.results.map(({ taskId }) => taskId).sort()).toEqual(["a", "b", "fails", "skips"]);

  const last = runs && (await complete(runs, null));
  expect(Object.entries(last?.inputs ?? {}).map(([id, { state }]) => [id, state])).toEqual([
    ["skips", "cancelled"],
    ["fails", "failed"],
    ["runs", "completed"],
  ]);
});
