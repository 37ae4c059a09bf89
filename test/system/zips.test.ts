import { afterAll, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { ClaimAnswer, RegisterAnswer } from "../../shared/contract/session.ts";
import { TaskStoryAnswer } from "../../shared/contract/task.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { eventually } from "../fixtures/eventually.ts";
import { createFleet, createFleetApi } from "../fixtures/fleet-api.ts";
import { send } from "../fixtures/raw-api.ts";
import { scratchDirectory, startHost } from "../fixtures/scratch.ts";
import { createZips } from "../lambda/zips.ts";

const zips = createZips("zips");
// Before the cloud's own: what is registered first runs last, and a cloud whose functions are gone complains.
afterAll(zips.close);
const cloud = useEmbeddedCloud({ functions: zips.functions, schedule: false }, zips.start);

describe("the zips that sst diff builds, each in a process as Lambda runs it", () => {
  it("find their links sealed in the zip, and none in the environment", () => {
    const environment = zips.environmentOf("tasks");
    expect(environment).toMatchObject({ SST_KEY_FILE: "resource.enc" });
    const links = Object.keys(environment).filter((name) => name.startsWith("SST_RESOURCE_"));
    expect(links).toEqual(["SST_RESOURCE_App"]);
    expect(JSON.stringify(environment)).not.toContain(cloud().rootKey);
  });

  it("take a task from its submission to its completion, over the crash of the session that began it", async () => {
    const fleet = await createFleet(cloud());
    const { url, key } = fleet;
    const api = createFleetApi(fleet);
    const request = { id: "silent", host: "gone", boot: "b1", agent: "test" };
    const registered = await send(url, key, "POST /v1/sessions", request);
    const { token, hostToken, session, heartbeat } = z.parse(RegisterAnswer, registered.body);
    expect(heartbeat.url).toBe(`${cloud().url}/v1/heartbeat`);
    await api.submit({ id: "story" });
    const held = await eventually("the first session holds the task", async () => {
      const claimed = await send(url, token, "POST /v1/sessions/silent/claim", {});
      return z.parse(ClaimAnswer, claimed.body).tasks[0];
    });
    const working = [{ id: "silent", epoch: session.epoch, tasks: [{ id: "story", fence: held.fence }] }];
    const beat = { host: "gone", boot: "b1", seq: 1, sessions: working };
    expect(await send(url, hostToken, "POST /v1/heartbeat", beat)).toMatchObject({ status: 200 });

    // From here on it says nothing more. The one that takes over is a real worker.
    startHost({ fleet, host: "next", script: "echo 2 > $SHIM_RESULT_FILE", cwd: scratchDirectory() });
    const done = await api.reached("story", "completed");
    expect(done).toMatchObject({ result: 2, attempt: 2, sessionId: "next-1" });
    const late = await send(url, token, "POST /v1/tasks/story/complete", { fence: held.fence, result: 1 });
    expect(late).toMatchObject({ status: 409, body: { code: "lease.stale" } });
    const { body } = await send(url, key, "GET /v1/tasks/story?events=1");
    const states = z.parse(TaskStoryAnswer, body).events?.map(({ state }) => state);
    // Whether it was given to the worker or the worker took it is a matter of who came first.
    expect(states?.filter((state) => state !== "assigned")).toEqual([
      "queued",
      "running",
      "queued",
      "running",
      "completed",
    ]);
    expect([...zips.invoked].sort()).toEqual([
      "dispatch",
      "heartbeat",
      "operator",
      "sessions",
      "sweep",
      "tasks",
    ]);
  });
});
