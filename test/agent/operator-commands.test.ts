import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test, vi } from "vitest";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { createFleet, type TestFleet } from "./fleet.ts";
import { eventually } from "../fixtures/eventually.ts";
import { scratchDirectory, startHost } from "../fixtures/scratch.ts";
import { lastLine, runShim } from "./shim-command.ts";

const cloud = useEmbeddedCloud();
// A bound, not a duration: on a busy machine every process takes its time to start.
vi.setConfig({ testTimeout: 90_000 });

/** The shim command as somebody with the fleet's admin key runs it. */
function operator({ url, key }: TestFleet) {
  return (args: readonly string[], input = "") => runShim(args, input, { SHIM_URL: url, SHIM_KEY: key });
}

test("submit takes more tasks than one request may hold, and names each", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const ids = Array.from({ length: 120 }, (_, n) => `t${n}`);
  const file = path.join(scratchDirectory(), "tasks.jsonl");
  writeFileSync(file, ids.map((id) => JSON.stringify({ id, type: "x", data: null })).join("\n"));
  const shim = operator(fleet);
  expect(lastLine(await shim(["submit", file, "--json"]))).toEqual({ submitted: 120, ids });
  const { tasks } = lastLine(await shim(["tasks", "--json"])) as { tasks: { id: string }[] };
  expect(tasks.map(({ id }) => id).sort()).toEqual([...ids].sort());
});

test("submit --wait ends when every task has, and with 1 unless all completed", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const tasks = ["good", "bad"].map((id) => ({ id, type: "x", data: null, maxAttempts: 1 }));
  const submitting = operator(fleet)(["submit", "-", "--wait", "--json"], JSON.stringify(tasks));
  startHost({ fleet, host: "h", script: "[ $SHIM_TASK_ID = good ]" });
  const end = await submitting;
  expect(lastLine(end)).toEqual({
    submitted: 2,
    completed: 1,
    failed: 1,
    cancelled: 0,
    ids: ["good", "bad"],
  });
  expect(end.code).toBe(1);
});

test("submit reads standard input, prints the ids, and waits for success with 0", async () => {
  const fleet = await createFleet(cloud(), "fast");
  startHost({ fleet, host: "h", script: "exit 0" });
  const end = await operator(fleet)(["submit", "-", "--wait"], '{"id":"one","type":"x","data":{}}');
  expect(end).toMatchObject({ code: 0, out: "one\n1 of 1 completed, 0 failed, 0 cancelled\n" });
});

test("a task that does not fit the contract is refused with its code, and nothing is submitted", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const end = await operator(fleet)(["submit", "-", "--json"], '{"id":"one","type":"x","data":{},"bogus":1}');
  expect(end.code).toBe(1);
  expect(lastLine(end)).toMatchObject({ error: { code: "request.invalid" } });
  expect(lastLine(await operator(fleet)(["tasks", "--json"]))).toEqual({ tasks: [] });
});

test("status is one JSON object, or plain text where there is no terminal", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const worker = startHost({ fleet, host: "h", script: "exit 0" });
  await worker.said("registered");
  await fleet.submit({ id: "t" });
  await fleet.reached("t", "completed");
  const shim = operator(fleet);
  // Asked for over HTTP: each run of the command is a process.
  await eventually("the summary caught up", async () => {
    const { body } = await cloud().request("GET", "/v1/progress", { key: fleet.key });
    return (body as { completedTasks: number }).completedTasks === 1;
  });
  expect(lastLine(await shim(["status", "--json"]))).toMatchObject({
    totalTasks: 1,
    completedTasks: 1,
    activeChats: 1,
    load: [{ sessionId: "h-1", currentTasks: 0 }],
    sessions: [{ id: "h-1", state: "live" }],
  });
  const { out } = await shim(["status"]);
  expect(out).toMatch(/^Tasks +1 in all: 1 completed/);
  expect(out).toMatch(/h-1 +h +live/);
  expect(out).not.toContain("\u001b");
});

test("tasks and sessions are listed and shown; cancel and redrive act on one task", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const shim = operator(fleet);
  await fleet.submit({ id: "a" }, { id: "b" });
  expect((await shim(["cancel", "a", "--reason", "not needed"])).out).toBe("a is cancelled.\n");
  expect((await shim(["tasks", "--state", "queued"])).out).toMatch(/^TASK .*\nb +test +queued/);
  expect(lastLine(await shim(["tasks", "a", "--json"]))).toMatchObject({
    task: { id: "a", state: "cancelled" },
  });
  expect(lastLine(await shim(["redrive", "b", "--json"]))).toMatchObject({
    error: { code: "task.not_failed" },
  });
  expect((await shim(["sessions"])).out).toBe("No sessions.\n");
  expect(lastLine(await shim(["sessions", "nobody", "--json"]))).toMatchObject({
    error: { code: "session.not_found" },
  });
});

test("drain ends a worker's session and so the worker; restart starts it again with a higher epoch", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const shim = operator(fleet);
  const worker = startHost({ fleet, host: "h", script: "sleep 60" });
  await fleet.submit({ id: "t", maxAttempts: 5 });
  await fleet.reached("t", "running");
  expect((await shim(["restart", "h-1"])).code).toBe(0);
  await worker.said("stopped", { task: "t" });
  await eventually(
    "it is registered again",
    () => worker.logged.filter((line) => line.what === "registered").length === 2,
  );
  await fleet.reached("t", "running");
  await fleet.cancel("t");
  expect((await shim(["drain", "h-1"])).code).toBe(0);
  expect(await worker.exited).toBe(0);
});

test("keys are created once, listed without secrets, do what their scope says, and are revoked", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const shim = operator(fleet);
  const created = lastLine(await shim(["keys", "create", "--scope", "submit", "--name", "ci", "--json"])) as {
    key: { id: string };
    secret: string;
  };
  const listed = await shim(["keys", "list"]);
  expect(listed.out).toContain(created.key.id);
  expect(listed.out).not.toContain(created.secret);
  const limited = operator({ ...fleet, key: created.secret });
  expect((await limited(["submit", "-"], '{"type":"x","data":{}}')).code).toBe(0);
  expect((await limited(["keys", "list"])).code).toBe(77);
  expect((await shim(["keys", "revoke", created.key.id])).code).toBe(0);
  expect((await limited(["submit", "-"], '{"type":"x","data":{}}')).code).toBe(77);
});

test("rebalance says what it moved, and sets the fleet's policy", async () => {
  const fleet = await createFleet(cloud(), "fast");
  expect(lastLine(await operator(fleet)(["rebalance", "--auto", "off", "--json"]))).toEqual({ moved: [] });
  expect((await operator(fleet)(["rebalance", "--policy", "performance"])).out).toBe(
    "Nothing had to move.\n",
  );
  const { body } = await cloud().request("GET", "/v1/fleets", { key: cloud().rootKey });
  const { fleets } = body as { fleets: { autoBalance: boolean; policy: string }[] };
  expect(fleets).toContainEqual(expect.objectContaining({ autoBalance: false, policy: "performance" }));
  expect((await operator(fleet)(["rebalance", "--policy", "random"])).code).toBe(2);
});

test("pause, limit, resume and rules say what holds now, and refuse what means nothing", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const shim = operator(fleet);
  expect((await shim(["rules"])).out).toBe("Nothing is paused or limited.\n");
  expect((await shim(["pause", "type:deploy"])).code).toBe(0);
  expect((await shim(["limit", "key:repo:main", "2"])).out).toBe(
    "WHAT           RULE\ntype:deploy    paused\nkey:repo:main  at most 2 at once\n",
  );
  expect(lastLine(await shim(["resume", "type:deploy", "--json"]))).toEqual({
    rules: {
      paused: { fleet: false, groups: [], types: [], keys: [] },
      limits: { types: {}, keys: { "repo:main": 2 } },
    },
  });
  for (const wrong of [
    ["pause", "deploy"],
    ["limit", "group:g", "1"],
    ["limit", "type:t", "0"],
  ])
    expect((await shim(wrong)).code).toBe(2);
});
