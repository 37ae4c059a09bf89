import * as z from "zod/mini";
import { expect, test } from "vitest";
import { ClaimAnswer, RegisterAnswer } from "../../shared/contract/session.ts";
import { eventually } from "../fixtures/eventually.ts";
import { createFleet, createFleetApi } from "../fixtures/fleet-api.ts";
import { send } from "../fixtures/raw-api.ts";
import { scratchDirectory, startHost } from "../fixtures/scratch.ts";
import { useCloudProcess } from "./cloud.ts";

const cloud = useCloudProcess();

test("a session that was silent past its timeout is refused with whatever it says, and told to stop", async () => {
  const fleet = await createFleet(cloud.current());
  const { url, key } = fleet;
  const api = createFleetApi(fleet);
  const identity = { host: "silent", boot: "b1" };
  const registered = await send(url, key, "POST /v1/sessions", { id: "s", agent: "test", ...identity });
  const { token, hostToken, session } = z.parse(RegisterAnswer, registered.body);
  await api.submit({ id: "t" });
  const held = await eventually("s holds the task", async () => {
    const claimed = await send(url, token, "POST /v1/sessions/s/claim", {});
    return z.parse(ClaimAnswer, claimed.body).tasks[0];
  });

  startHost({ fleet, host: "other", script: "echo 2 > $SHIM_RESULT_FILE", cwd: scratchDirectory() });
  const done = await api.reached("t", "completed");
  expect(done).toMatchObject({ result: 2, attempt: 2, sessionId: "other-1" });

  const { fence } = held;
  const late = [
    await send(url, token, "POST /v1/tasks/t/complete", { fence, result: 1 }),
    await send(url, token, "POST /v1/tasks/t/progress", { fence, percent: 50 }),
    await send(url, token, "POST /v1/tasks/t/fail", { fence, error: { message: "late" } }),
    await send(url, token, "POST /v1/tasks/t/release", { fence }),
    await send(url, token, "POST /v1/sessions/s/claim", {}),
  ];
  for (const { status, body } of late) {
    expect(status).toBe(409);
    expect(["session.superseded", "lease.stale"]).toContain(body["code"]);
  }
  const tasks = [{ id: "t", fence }];
  const beat = await send(url, hostToken, "POST /v1/heartbeat", {
    ...identity,
    seq: 1,
    sessions: [{ id: "s", epoch: session.epoch, activity: "working", tasks }],
  });
  expect(beat).toMatchObject({
    status: 200,
    body: { sessions: [{ id: "s", commands: [{ type: "stop" }] }] },
  });
  expect(await api.task("t")).toEqual(done);
  expect(await send(url, key, "GET /v1/sessions/s")).toMatchObject({
    body: { session: { state: "crashed" } },
  });
});
