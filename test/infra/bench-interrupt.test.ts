import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as z from "zod/mini";
import { expect, onTestFinished, test } from "vitest";
import { findRedisServer } from "../../infra/local/redis-server-child.ts";
import { eventually } from "../fixtures/eventually.ts";
import { isRunning } from "../fixtures/scratch.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const Names = z.optional(z.record(z.string(), z.string()));
const Lock = z.object({
  packages: z.record(z.string(), z.object({ dependencies: Names, optionalDependencies: Names })),
});

/** All processes that descend from this one, with what they run. */
function descendantsOf(ancestor: number): { pid: number; command: string }[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n");
  const all = lines.flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return command === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
  const children = (parent: number): typeof all =>
    all.filter((one) => one.parent === parent).flatMap((one) => [one, ...children(one.pid)]);
  return children(ancestor);
}

test.skipIf(findRedisServer() === undefined).each([
  ["scale", /redis-server /],
  ["recovery", / worker /],
])("Ctrl-C during the benchmark `%s` leaves no process and no folder", async (name, last) => {
  const folder = mkdtempSync(path.join(tmpdir(), "shim-bench-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const bench = spawn(process.execPath, ["test/bench/bench.ts", name], {
    cwd: ROOT,
    detached: true, // A terminal's Ctrl-C goes to a group: this one.
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, TMPDIR: folder },
  });
  const { pid = 0 } = bench;
  onTestFinished(() => {
    if (bench.exitCode === null && bench.signalCode === null) process.kill(-pid, "SIGKILL");
  });
  const exited = once(bench, "exit");
  const started = await eventually(`${last}`, async () => {
    const found = descendantsOf(pid);
    return found.some(({ command }) => last.test(command)) ? found : null;
  });
  process.kill(-pid, "SIGINT");
  await exited;
  await eventually("the end of all that it started", async () => !started.some((one) => isRunning(one.pid)));
  expect(readdirSync(folder).filter((entry) => entry !== "node-compile-cache")).toEqual([]);
});

test.each(["package-lock.json", "test/bench/bullmq/package-lock.json"])(
  "%s locks every package that one of its packages may need on another platform: `npm ci` refuses it otherwise",
  (file) => {
    const { packages } = Lock.parse(JSON.parse(readFileSync(path.join(ROOT, file), "utf8")));
    const locked = new Set(Object.keys(packages).map((at) => at.slice(at.lastIndexOf("node_modules/") + 13)));
    const missing = Object.values(packages).flatMap(({ dependencies, optionalDependencies }) =>
      Object.keys({ ...dependencies, ...optionalDependencies }).filter((name) => !locked.has(name)),
    );
    expect(missing).toEqual([]);
  },
);
