import { expect, test } from "vitest";
import type { Rules } from "../../shared/contract/rules.ts";
import type { HeldTask } from "../../shared/contract/session.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { must, registerSession } from "./cast.ts";

const cloud = useEmbeddedCloud({
  profile: "standard",
  schedule: false,
  functions: { sweep: "test/functions/quiet.handler", dispatch: "test/functions/quiet.handler" },
});

const post = <T>(path: string, body: object = {}, key = cloud().adminKey) =>
  must<T>(cloud(), "POST", path, { key, body });
const names = (tasks: readonly HeldTask[]) => tasks.map(({ task }) => task.id);

test("tasks of one key go on one by one, and what is paused or limited not at all, over the real stores", async () => {
  const session = await registerSession(cloud(), { id: "chat", host: "h", capacity: 50 });
  const claim = async () =>
    names((await post<{ tasks: HeldTask[] }>("/v1/sessions/chat/claim", { max: 10 }, session.token)).tasks);
  const complete = (id: string, fence: number) =>
    post<{ next: HeldTask | null }>(`/v1/tasks/${id}/complete`, { fence, result: 1 }, session.token);
  const submit = (ids: readonly string[], more: object) =>
    post(
      "/v1/tasks",
      ids.map((id) => ({ id, type: "t", data: {}, ...more })),
    );

  await submit(["k1", "k2", "k3"], { key: "repo:main" });
  expect(await claim()).toEqual(["k1"]);
  expect((await complete("k1", 1)).next?.task.id).toBe("k2");

  expect((await post<{ rules: Rules }>("/v1/pause", { key: "repo:main" })).rules.paused.keys).toEqual([
    "repo:main",
  ]);
  expect((await complete("k2", 1)).next).toBeNull();
  expect(await claim()).toEqual([]);
  await post("/v1/resume", { key: "repo:main" });
  expect(await claim()).toEqual(["k3"]);

  await post("/v1/limits", { type: "deploy", limit: 2 });
  await submit(["d1", "d2", "d3"], { type: "deploy" });
  // What it has not reported since, it is told again.
  expect(await claim()).toEqual(["k3", "d1", "d2"]);
  const { rules } = await must<{ rules: Rules }>(cloud(), "GET", "/v1/rules", { key: cloud().adminKey });
  expect(rules).toEqual({
    paused: { fleet: false, groups: [], types: [], keys: [] },
    limits: { types: { deploy: 2 }, keys: {} },
  });
  await post("/v1/pause");
  await post("/v1/limits", { type: "deploy", limit: null });
  expect(await claim()).not.toContain("d3");
  await post("/v1/resume");
  expect(await claim()).toContain("d3");
});
