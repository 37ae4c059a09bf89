import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { createFleet } from "./fleet.ts";
import { eventually } from "../fixtures/eventually.ts";
import { scratchDirectory, startHost } from "../fixtures/scratch.ts";
import { programPath, watchLife } from "./processes.ts";

const cloud = useEmbeddedCloud();
// A bound, not a duration: on a busy machine every process takes its time to start.
vi.setConfig({ testTimeout: 90_000 });

const LISTEN = `"${process.execPath}" "${programPath("listen")}"`;

/** Appends the task's id and attempt to a file, so that a test sees every start. */
const note = (file: string) => `echo "$SHIM_TASK_ID $SHIM_FENCE" >> ${file};`;
const lines = (file: string) => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []);

test("every task runs exactly once, on some session, and its result is recorded", async () => {
  const fleet = await createFleet(cloud());
  const starts = path.join(scratchDirectory(), "starts");
  const ids = Array.from({ length: 8 }, (_, n) => `t${n}`);
  const worker = startHost({
    fleet,
    host: "h",
    flags: ["--sessions", "3"],
    script: `${note(starts)} echo "\\"$SHIM_TASK_ID\\"" > $SHIM_RESULT_FILE`,
  });
  await worker.said("registered", { session: "h-3" });
  await fleet.submit(...ids.map((id) => ({ id })));
  for (const id of ids)
    expect(await fleet.reached(id, "completed")).toMatchObject({ result: id, attempt: 1 });
  expect(
    lines(starts)
      .map((line) => line.split(" ")[0])
      .sort(),
  ).toEqual(ids);
  worker.process.kill("SIGTERM");
  expect(await worker.exited).toBe(0);
  expect(worker.tally()).toEqual({ completed: 8, failed: 0, dropped: 0, released: 0, crashes: 0 });
});

test("work that waits is taken up by a worker that starts later", async () => {
  const fleet = await createFleet(cloud());
  await fleet.submit({ id: "early" });
  startHost({ fleet, host: "h", script: "exit 0" });
  expect(await fleet.reached("early", "completed")).toMatchObject({ result: null });
});

test("exit 75 is tried again up to its attempts; a bad result is not", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const starts = path.join(scratchDirectory(), "starts");
  startHost({
    fleet,
    host: "h",
    script: `${note(starts)} if [ $SHIM_TASK_ID = bad ]; then echo '{' > $SHIM_RESULT_FILE; else echo busy >&2; exit 75; fi`,
  });
  await fleet.submit({ id: "busy", maxAttempts: 2 }, { id: "bad" });
  const busy = await fleet.reached("busy", "failed");
  expect(busy).toMatchObject({ attempt: 2, error: { code: "exit.75" } });
  expect(busy.error?.message).toContain("busy");
  expect(await fleet.reached("bad", "failed")).toMatchObject({
    attempt: 1,
    error: { code: "result.invalid" },
  });
  expect(lines(starts)).toHaveLength(3);
});

test("progress a command prints is seen while it runs", async () => {
  const fleet = await createFleet(cloud());
  const go = path.join(scratchDirectory(), "go");
  startHost({
    fleet,
    host: "h",
    script: `echo '::shim progress 40 half way'; until [ -e ${go} ]; do sleep 0.05; done`,
  });
  await fleet.submit({ id: "t" });
  await eventually("progress is 40", async () => (await fleet.task("t")).progress?.percent === 40);
  expect((await fleet.task("t")).progress).toEqual({ percent: 40, message: "half way" });
});

test("a crash returns the task at once, and the session starts again with a higher epoch", async () => {
  const fleet = await createFleet(cloud());
  const starts = path.join(scratchDirectory(), "starts");
  const worker = startHost({
    fleet,
    host: "h",
    script: `${note(starts)} [ $(wc -l < ${starts}) -gt 1 ] || kill -9 $$`,
  });
  await fleet.submit({ id: "t" });
  const task = await fleet.reached("t", "completed");
  expect(task.attempt).toBe(2);
  expect(await worker.said("restarts")).toMatchObject({ signal: "SIGKILL", delayMs: 0 });
  const epochs = worker.logged
    .filter((line) => line.what === "registered")
    .map((line) => Number(line["epoch"]));
  expect(epochs).toHaveLength(2);
  expect(epochs[1]).toBeGreaterThan(epochs[0] ?? Infinity);
  const fences = lines(starts).map((line) => Number(line.split(" ")[1]));
  expect(fences[1]).toBeGreaterThan(fences[0] ?? Infinity);
});

test("cancelling a running task kills its whole group, and the session goes on with the next", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const socketPath = path.join(scratchDirectory(), "s");
  const worker = startHost({
    fleet,
    host: "h",
    script: `if [ $SHIM_TASK_ID = long ]; then ${LISTEN} ${socketPath} & wait; fi`,
  });
  await fleet.submit({ id: "long" });
  const grandchild = await watchLife(socketPath);
  await fleet.cancel("long");
  await grandchild.ended;
  await fleet.submit({ id: "after" });
  await fleet.reached("after", "completed");
  expect((await fleet.task("long")).state).toBe("cancelled");
  expect(worker.logged.filter((line) => line.what === "registered")).toHaveLength(1);
});

test("SIGTERM lets the running task finish, takes no other, ends the sessions and exits 0", async () => {
  const fleet = await createFleet(cloud());
  const go = path.join(scratchDirectory(), "go");
  const worker = startHost({ fleet, host: "h", script: `until [ -e ${go} ]; do sleep 0.05; done` });
  await fleet.submit({ id: "first" });
  await worker.said("started", { task: "first" });
  await fleet.submit({ id: "second" });
  worker.process.kill("SIGTERM");
  await worker.said("drains");
  writeFileSync(go, "");
  expect(await worker.exited).toBe(0);
  expect((await fleet.task("first")).state).toBe("completed");
  expect((await fleet.task("second")).state).toBe("queued");
  expect((await fleet.sessions()).filter((session) => session.state === "live")).toEqual([]);
});

test("a second SIGTERM gives the running task back at once", async () => {
  const fleet = await createFleet(cloud());
  const worker = startHost({ fleet, host: "h", script: "sleep 60" });
  await fleet.submit({ id: "t" });
  await worker.said("started", { task: "t" });
  worker.process.kill("SIGTERM");
  await worker.said("drains");
  worker.process.kill("SIGTERM");
  expect(await worker.exited).toBe(0);
  expect((await fleet.task("t")).state).toBe("queued");
  expect(worker.tally()).toMatchObject({ released: 1, completed: 0 });
});

test("a drain timeout gives the running task back without a second signal", async () => {
  const fleet = await createFleet(cloud());
  const worker = startHost({ fleet, host: "h", flags: ["--drain-timeout", "100"], script: "sleep 60" });
  await fleet.submit({ id: "t" });
  await worker.said("started", { task: "t" });
  worker.process.kill("SIGTERM");
  expect(await worker.exited).toBe(0);
  expect((await fleet.task("t")).state).toBe("queued");
});

test("a worker that starts removes the files a killed one left, and none of one that lives", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const dir = scratchDirectory();
  // Apart from the workers of other tests, which clean up as well.
  vi.stubEnv("TMPDIR", dir);
  onTestFinished(() => void vi.unstubAllEnvs());
  const script = (name: string) => `dirname $SHIM_TASK_FILE > ${dir}/${name}; sleep 60`;
  // Between the shell's opening of the file and its writing, it is empty.
  const filesOf = (name: string) => eventually(`${name} runs`, () => lines(`${dir}/${name}`)[0] || null);
  const killed = startHost({ fleet, host: "killed", script: script("killed") });
  await fleet.submit({ id: "t1" });
  const left = await filesOf("killed");
  startHost({ fleet, host: "alive", script: script("alive") });
  await fleet.submit({ id: "t2" });
  const used = await filesOf("alive");
  await killed.kill();
  expect(existsSync(left)).toBe(true);
  const next = startHost({ fleet, host: "next", script: "sleep 60" });
  await next.said("registered");
  expect(existsSync(left)).toBe(false);
  expect(existsSync(path.join(used, "task.json"))).toBe(true);
});

test("a key that may not register ends the worker with 77", async () => {
  const fleet = await createFleet(cloud());
  const worker = startHost({ fleet: { ...fleet, key: "nonsense" }, host: "h", script: "exit 0" });
  expect(await worker.exited).toBe(77);
});
