import { expect, test, vi } from "vitest";
import { createShim } from "../../agent/client/client.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { eventually } from "../fixtures/eventually.ts";
import { must, registerSession } from "../functions/cast.ts";
import { createFleet, type TestFleet } from "./fleet.ts";
import { lastLine, runShim } from "./shim-command.ts";

const cloud = useEmbeddedCloud({ functions: { sweep: "test/fixtures/idle-sweep.handler" } });
// A bound, not a duration: on a busy machine every process takes its time to start.
vi.setConfig({ testTimeout: 90_000 });

function operator({ url, key }: TestFleet) {
  return (args: readonly string[]) => runShim(args, "", { SHIM_URL: url, SHIM_KEY: key });
}

test("cancel --group cancels all of it in as many requests as it takes, and says how far it is", async () => {
  const fleet = await createFleet(cloud(), "standard");
  const shim = operator(fleet);
  for (let i = 0; i < 61; i++) await fleet.submit({ id: `t${i}`, group: "g" });
  await fleet.submit({ id: "other", group: "h" });
  const end = await shim(["cancel", "--group", "g", "--reason", "changed plans", "--json"]);
  expect(lastLine(end)).toEqual({ cancelled: 61 });
  expect(end.err).toMatch(/^60 cancelled so far\n/);
  expect((await shim(["cancel", "--group", "g"])).out).toBe("0 tasks of g are cancelled.\n");
  expect(lastLine(await shim(["tasks", "other", "--json"]))).toMatchObject({ task: { state: "queued" } });
  for (const args of [["cancel"], ["cancel", "other", "--group", "g"], ["cancel", "--group", "a b"]])
    expect((await shim(args)).code, args.join(" ")).toBe(2);
});

test("dead-letters lists what has failed and why; redrive takes tasks by name, by group, or all", async () => {
  const fleet = await createFleet(cloud(), "standard");
  const shim = operator(fleet);
  const { token } = await registerSession(cloud(), { id: "s", host: "h", capacity: 9 }, { key: fleet.key });
  const request = (path: string, body: object) => cloud().request("POST", path, { key: token, body });
  await fleet.submit({ id: "a", group: "g" }, { id: "b" }, { id: "c" });
  await fleet.submit({ id: "d", group: "g", dependsOn: ["a"] });
  const failed = new Set<string>();
  await eventually("a, b and c have failed", async () => {
    const { body } = await request("/v1/sessions/s/claim", { max: 9 });
    for (const { task, fence } of (body as { tasks: { task: { id: string }; fence: number }[] }).tasks) {
      const error = { message: `no ${task.id}`, code: "own" };
      await request(`/v1/tasks/${task.id}/fail`, { fence, error, retryable: false });
      failed.add(task.id);
    }
    return failed.size === 3;
  });
  const listed = async (...args: string[]) =>
    (lastLine(await shim(["dead-letters", "--json", ...args])) as { tasks: { id: string }[] }).tasks
      .map(({ id }) => id)
      .sort();
  await eventually("the index has them", async () => (await listed()).length === 4);
  expect(await listed("--group", "g")).toEqual(["a", "d"]);
  expect((await shim(["dead-letters", "--type", "test"])).out).toMatch(/^TASK .*WHY\n(.*\n)*b .*own +no b$/m);
  await must(cloud(), "POST", "/v1/sessions/s/drain", { key: fleet.key });
  expect((await shim(["redrive", "b", "c"])).out).toMatch(/^b is \w+\.\nc is \w+\.\n$/);
  expect(lastLine(await shim(["redrive", "b", "--json"]))).toMatchObject({
    error: { code: "task.not_failed" },
  });
  expect(lastLine(await shim(["redrive", "--group", "g", "--json"]))).toEqual({ redriven: 2, left: 0 });
  expect((await shim(["redrive", "--all"])).out).toBe("0 dead letters are redriven.\n");
  for (const args of [["redrive"], ["redrive", "a", "--all"], ["redrive", "a b"]])
    expect((await shim(args)).code, args.join(" ")).toBe(2);
});

test("drain --host drains every session of the host", async () => {
  const fleet = await createFleet(cloud(), "standard");
  const shim = operator(fleet);
  for (const id of ["h-1", "h-2"]) await registerSession(cloud(), { id, host: "h" }, { key: fleet.key });
  expect((await shim(["drain", "--host", "h"])).out).toBe("h-1, h-2: 2 drain.\n");
  expect(lastLine(await shim(["drain", "--host", "nobody", "--json"]))).toMatchObject({
    error: { code: "host.not_found" },
  });
  for (const args of [["drain"], ["drain", "h-1", "--host", "h"]])
    expect((await shim(args)).code, args.join(" ")).toBe(2);
});

test("retention shows and sets how long what has ended is kept, within its bounds", async () => {
  const shim = operator(await createFleet(cloud(), "standard"));
  expect((await shim(["retention"])).out).toBe("What ends is kept for 30 days.\n");
  expect(lastLine(await shim(["retention", "365", "--json"]))).toEqual({ retentionMs: 365 * 86_400_000 });
  expect((await shim(["retention", "default"])).out).toBe("What ends is kept for 30 days.\n");
  for (const days of ["0", "366", "1.5", "long"])
    expect((await shim(["retention", days])).code, days).toBe(2);
});

test("the client cancels a group and redrives dead letters, however many requests it takes", async () => {
  const fleet = await createFleet(cloud(), "standard");
  const shim = createShim({ url: fleet.url, key: fleet.key });
  const { coordinator } = shim;
  await coordinator.registerChat("chat");
  const nowhere = { type: "t", data: {}, group: "g", requires: ["nobody"] };
  for (let i = 0; i < 61; i++) await coordinator.assignTask({ id: `t${i}`, ...nowhere });
  expect(await coordinator.cancelGroup("g", "changed plans")).toBe(61);
  await coordinator.assignTask({ id: "fails", type: "t", data: {} });
  await eventually("it is held", async () => (await coordinator.claimTasks("chat")).length === 1);
  await coordinator.failTask("fails", "no", false);
  expect(await coordinator.redriveDeadLetters({ type: "other" })).toEqual({ redriven: 0, left: 0 });
  await eventually("the index has it", async () => (await coordinator.redriveDeadLetters()).redriven === 1);
  await shim.close();
});
