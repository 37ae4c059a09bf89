import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test, vi } from "vitest";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { createFleet } from "./fleet.ts";
import { eventually } from "../fixtures/eventually.ts";
import { scratchDirectory, startHost } from "../fixtures/scratch.ts";
import { programPath, watchLife } from "./processes.ts";
import { serveSeverable } from "./severable.ts";

const cloud = useEmbeddedCloud();
// A bound, not a duration: on a busy machine every process takes its time to start.
vi.setConfig({ testTimeout: 90_000 });

const LISTEN = `"${process.execPath}" "${programPath("listen")}"`;
const lines = (file: string) => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []);

function git(cwd: string, ...args: string[]): string {
  const identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
  return execFileSync("git", ["-C", cwd, ...identity, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}

function repository(): string {
  const dir = scratchDirectory();
  git(dir, "init", "-q", "-b", "main");
  git(dir, "commit", "-q", "--allow-empty", "-m", "start");
  return dir;
}

const COMMIT =
  "git -c user.name=t -c user.email=t@example.com commit -q --allow-empty -m $SHIM_TASK_ID.$SHIM_FENCE";

test("a task that finishes while the server is away is completed once it is back, by the same attempt", async () => {
  const fleet = await createFleet(cloud());
  const way = await serveSeverable(fleet.url);
  const dir = scratchDirectory();
  const [starts, go] = [path.join(dir, "starts"), path.join(dir, "go")];
  const script = `echo $SHIM_FENCE >> ${starts}; until [ -e ${go} ]; do sleep 0.05; done; echo 1 > $SHIM_RESULT_FILE`;
  const worker = startHost({ fleet: { url: way.url, key: fleet.key }, host: "h", script });
  await fleet.submit({ id: "t" });
  await eventually("the task runs", () => lines(starts).length === 1);
  way.setReachable(false);
  writeFileSync(go, "");
  await worker.said("outcome could not be delivered yet", { task: "t" });
  expect((await fleet.task("t")).state).toBe("running");
  way.setReachable(true);
  expect(await fleet.reached("t", "completed")).toMatchObject({ attempt: 1, result: 1 });
  await worker.said("completed", { task: "t" });
  expect(lines(starts)).toHaveLength(1);
  worker.process.kill("SIGTERM");
  expect(await worker.exited).toBe(0);
  expect(worker.tally()).toMatchObject({ completed: 1, dropped: 0, crashes: 0 });
});

test("a completion whose answer is lost is repeated, counts once, and the next task it brought is not lost", async () => {
  const fleet = await createFleet(cloud());
  const way = await serveSeverable(fleet.url);
  const loss = way.loseAnswer("/complete");
  const starts = path.join(scratchDirectory(), "starts");
  await fleet.submit({ id: "t1" }, { id: "t2" });
  const worker = startHost({
    fleet: { url: way.url, key: fleet.key },
    host: "h",
    script: `echo $SHIM_TASK_ID >> ${starts}`,
  });
  for (const id of ["t1", "t2"]) expect(await fleet.reached(id, "completed")).toMatchObject({ attempt: 1 });
  expect(loss.lost()).toBe(true);
  expect(lines(starts).sort()).toEqual(["t1", "t2"]);
  worker.process.kill("SIGTERM");
  expect(await worker.exited).toBe(0);
  expect(worker.tally()).toMatchObject({ completed: 2, dropped: 0 });
});

test("away past its lease, a worker's children are stopped; the task runs again with a higher fence, and is published once", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const way = await serveSeverable(fleet.url);
  const dir = scratchDirectory();
  const [starts, socketPath] = [path.join(dir, "starts"), path.join(dir, "s")];
  const script = `echo $SHIM_FENCE >> ${starts}; ${COMMIT}; if [ $(wc -l < ${starts}) -eq 1 ]; then ${LISTEN} ${socketPath}; fi`;
  const flags = ["--worktrees", "--publish", "refs/shim/results"];
  const repo = repository();
  const worker = startHost({
    fleet: { url: way.url, key: fleet.key },
    host: "h",
    flags,
    script,
    cwd: repo,
  });
  await fleet.submit({ id: "t" });
  const first = await watchLife(socketPath);
  way.setReachable(false);
  await first.ended;
  await worker.said("stopped", { task: "t", why: "lease" });
  way.setReachable(true);
  await fleet.reached("t", "completed");
  const [before = 0, after = 0, ...others] = lines(starts).map(Number);
  expect(after).toBeGreaterThan(before);
  expect(others).toEqual([]);
  await worker.said("published", { task: "t" });
  expect(git(repo, "for-each-ref", "--format=%(refname) %(subject)", "refs/shim")).toBe(
    `refs/shim/results/t/${after} t.${after}`,
  );
});

test("a frozen supervisor's task is stopped and done elsewhere; thawed, it publishes nothing of its own and works on", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const dir = scratchDirectory();
  const socketPath = path.join(dir, "s");
  const repo = repository();
  const flags = ["--worktrees", "--publish", "refs/shim/results"];
  const frozen = startHost({
    fleet,
    host: "frozen",
    flags,
    cwd: repo,
    script: `${COMMIT}; [ $SHIM_TASK_ID != t ] || ${LISTEN} ${socketPath}`,
  });
  await fleet.submit({ id: "t" });
  const child = await watchLife(socketPath);
  frozen.process.kill("SIGSTOP");
  await child.ended;
  const other = startHost({ fleet, host: "other", flags, cwd: repo, script: COMMIT });
  await fleet.reached("t", "completed");
  await other.said("published", { task: "t" });
  other.process.kill("SIGTERM");
  await other.exited;
  const refs = git(repo, "for-each-ref", "refs/shim");
  frozen.process.kill("SIGCONT");
  await frozen.said("stopped", { task: "t" });
  await fleet.submit({ id: "next" });
  await fleet.reached("next", "completed");
  await frozen.said("published", { task: "next" });
  expect(git(repo, "for-each-ref", "refs/shim/results/t")).toBe(refs);
});

test("a worker's children die when it is killed, and another of its name, which waited, does the task", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const socketPath = path.join(scratchDirectory(), "s");
  const first = startHost({ fleet, host: "same", script: `${LISTEN} ${socketPath}` });
  await fleet.submit({ id: "t" });
  const child = await watchLife(socketPath);
  const second = startHost({ fleet, host: "same", script: "exit 0" });
  await second.said("waits: another boot of this host seems alive");
  expect((await fleet.task("t")).state).toBe("running");
  first.process.kill("SIGKILL");
  await child.ended;
  expect(await fleet.reached("t", "completed")).toMatchObject({ attempt: 2 });
});
