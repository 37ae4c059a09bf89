import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import path from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test, vi } from "vitest";
import { createHttp } from "../../agent/http.ts";
import { CheckpointAnswer } from "../../shared/contract/checkpoint.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { eventually } from "../fixtures/eventually.ts";
import { git, scratchDirectory } from "../fixtures/scratch.ts";
import { createFleet, type TestFleet } from "./fleet.ts";

const CLI = path.resolve(import.meta.dirname, "../../agent/cli.ts");
const cloud = useEmbeddedCloud();
// A bound, not a duration: on a busy machine every process takes its time to start.
vi.setConfig({ testTimeout: 90_000 });

function shimRun(fleet: TestFleet, cwd: string, script: string, ...flags: string[]) {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const env = { PATH, NODE_COMPILE_CACHE, SHIM_URL: fleet.url, SHIM_KEY: fleet.key };
  const child = spawn(process.execPath, [CLI, "run", "--id", "mine", ...flags, "--", "sh", "-c", script], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = (once(child, "exit") as Promise<[number | null]>).then(([code]) => code);
  return { child, ended, out: text(child.stdout), errors: text(child.stderr) };
}

test("a program has the terminal, and its exit code is shim's; its session takes no tasks and ends with it", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const cwd = scratchDirectory();
  await fleet.submit({ id: "t" });
  const run = shimRun(fleet, cwd, "echo hello; until [ -e go ]; do sleep 0.05; done; exit 3");
  const [session] = await fleet.live(1);
  expect(session).toMatchObject({ id: "mine", agent: "sh", capacity: 0, currentTasks: 0 });
  expect(await fleet.task("t")).toMatchObject({ state: "queued" });
  git(cwd, "init", "--quiet", "go");
  expect(await run.ended).toBe(3);
  expect(await run.out).toBe("hello\n");
  expect(await run.errors).toBe("");
  expect(await fleet.sessions()).toMatchObject([{ id: "mine", state: "ended" }]);
});

test("a program that is killed is started again, and what it left is kept first", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const cwd = scratchDirectory();
  git(cwd, "init", "--quiet");
  const run = shimRun(fleet, cwd, "if [ -e once ]; then exit 0; fi; touch once; kill -9 $$");
  expect(await run.ended).toBe(0);
  expect(existsSync(path.join(cwd, "once"))).toBe(true);
  expect(await fleet.sessions()).toMatchObject([{ id: "mine", state: "ended", restarts: 1 }]);
  const { checkpoint } = await createHttp(fleet.url)({
    ...{ method: "GET", path: "/v1/sessions/mine/checkpoints/latest", answer: CheckpointAnswer },
    bearer: fleet.key,
  });
  expect(checkpoint).toMatchObject({
    trigger: "session_end",
    sequence: 2,
    state: { files: { untracked: ["once"] } },
  });
});

test("with --no-restarts it stays down", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const cwd = scratchDirectory();
  const run = shimRun(fleet, cwd, "echo x >> starts; kill -9 $$", "--no-restarts");
  expect(await run.ended).toBe(1);
  await eventually("the session is given up", async () => (await fleet.sessions())[0]?.state === "crashed");
});
