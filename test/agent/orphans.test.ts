import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { killLeftBehind, killOrphans, MARK, newMark } from "../../agent/worker/orphans.ts";
import { createUsageWatch, usageOf } from "../../agent/worker/process-usage.ts";
import { eventually } from "../fixtures/eventually.ts";
import { isRunning, scratchDirectory } from "../fixtures/scratch.ts";

/** A shell with a child in a session of its own, as agents start their tools; kills itself and leaves the child. */
async function leaveChild(mark: string): Promise<number> {
  const file = path.join(mkdtempSync(path.join(scratchDirectory(), "pid-")), "pid");
  const parent = spawn(
    "sh",
    ["-c", `setsid sh -c 'echo $$ > ${file}; exec sleep 60' & sleep 0.2; kill -9 $$`],
    {
      env: { PATH: process.env.PATH, [MARK]: mark },
      stdio: "ignore",
    },
  );
  await new Promise((resolve) => parent.once("exit", resolve));
  const pid = Number(await eventually("the child wrote its pid", () => readFileSync(file, "utf8").trim()));
  onTestFinished(() => {
    if (isRunning(pid)) process.kill(pid, "SIGKILL");
  });
  expect(isRunning(pid)).toBe(true);
  return pid;
}

test("what an agent left running in a session of its own dies with it, and nothing else", async () => {
  const [ours, others] = [newMark(), newMark()];
  const [left, spared] = [await leaveChild(ours), await leaveChild(others)];
  expect(killLeftBehind(ours)).toBe(1);
  await eventually("the child is gone", () => !isRunning(left));
  expect(isRunning(spared)).toBe(true);
});

test("what the agents of a supervisor that is gone left running is killed by the next, and what a live one has is not", async () => {
  const dead = spawn(process.execPath, ["-e", ""], { stdio: "ignore" });
  const { pid = 0 } = dead;
  await new Promise((resolve) => dead.once("exit", resolve));
  const left = await leaveChild(newMark().replace(`-${process.pid}-`, `-${pid}-`));
  const spared = await leaveChild(newMark());
  // Another supervisor that starts on this machine just now, as those of other tests do, may be the one to kill it: the number says nothing.
  killOrphans();
  await eventually("the child is gone", () => !isRunning(left));
  expect(isRunning(spared)).toBe(true);
});

test("what an agent's processes take is memory and processor time of all of them together", async () => {
  const mark = newMark();
  const busy = spawn("sh", ["-c", "sleep 30 & while :; do :; done"], {
    env: { PATH: process.env.PATH, [MARK]: mark },
    stdio: "ignore",
  });
  onTestFinished(() => {
    killLeftBehind(mark);
  });
  const used = await eventually("it has worked a little", () => {
    const usage = usageOf(mark);
    return usage !== null && usage.cpuMs >= 50 && usage.processes === 2 && usage;
  });
  expect(used.memoryBytes).toBeGreaterThan(100_000);
  busy.kill("SIGKILL");
  killLeftBehind(mark);
  await eventually("nothing of it runs", () => usageOf(mark) === null);
});

test("usage is told between two looks, and anew for another process", () => {
  const measured = [
    { processes: 1, memoryBytes: 10, cpuMs: 1_000 },
    { processes: 1, memoryBytes: 20, cpuMs: 4_000 },
    { processes: 1, memoryBytes: 20, cpuMs: 500 },
  ];
  const watch = createUsageWatch(() => measured.shift() ?? null);
  expect(watch.look("a", 0)).toEqual({ memoryBytes: 10 });
  expect(watch.look("a", 2_000)).toEqual({ memoryBytes: 20, cpuCores: 1.5 });
  expect(watch.look("b", 4_000)).toEqual({ memoryBytes: 20 });
  expect(watch.look("b", 5_000)).toEqual({});
  expect(watch.look(null, 6_000)).toEqual({});
});
