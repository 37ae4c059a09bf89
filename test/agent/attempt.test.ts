import { existsSync, mkdtempSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import type { HeldTask } from "../../shared/contract/session.ts";
import { createCommandAdapter, type CommandAdapterOptions } from "../../agent/worker/attempt.ts";
import type { ProgressLine } from "../../agent/worker/command-output.ts";
import { createLife } from "../../agent/worker/life.ts";
import { monotonicMs } from "../../agent/worker/monotonic.ts";
import { heldTask } from "./held-task.ts";
import { eventually } from "../fixtures/eventually.ts";
import { scratchDirectory } from "../fixtures/scratch.ts";
import { resumeBrief } from "../fixtures/resume-brief.ts";

function start(
  script: string | null,
  held: HeldTask = heldTask(),
  options: Partial<CommandAdapterOptions> = {},
  leaseMs = 60_000,
) {
  const progress: ProgressLine[] = [];
  const output: string[] = [];
  const adapter = createCommandAdapter({
    command: script === null ? null : ["sh", "-c", script],
    taskCommandsAllowed: false,
    cwd: scratchDirectory(),
    env: { ...process.env, SHIM_KEY: "secret" },
    worktrees: null,
    onOutput: (_task, line) => output.push(line),
    ...options,
  });
  const sentAtMs = monotonicMs();
  // A lease is 80% of its timeout.
  const life = createLife({ epoch: 1, token: "t", timeoutMs: leaseMs / 0.8, sentAtMs });
  return {
    attempt: adapter(held, life, (line) => progress.push(line)),
    progress,
    output,
  };
}

async function run(...args: Parameters<typeof start>) {
  const { attempt, progress, output } = start(...args);
  const end = await attempt.ended;
  await attempt.dispose();
  return { end, progress, output };
}

test("a command learns its task with its inputs, fence and resume brief, and its result file completes the task", async () => {
  const script = `printf '{"task":%s,"resume":%s,"id":"%s","fence":%s}' "$(cat $SHIM_TASK_FILE)" "$(cat $SHIM_RESUME_FILE)" $SHIM_TASK_ID $SHIM_FENCE > $SHIM_RESULT_FILE`;
  const inputs = { dep_1: { state: "completed" as const, result: [1], error: null } };
  const resume = resumeBrief({ done: ["half"] });
  const held = { ...heldTask({ data: { text: 'quotes " and \\ and ü' } }, resume), inputs };
  const { end } = await run(script, held);
  expect(end).toEqual({
    kind: "completed",
    commit: null,
    result: { task: { ...held.task, inputs }, resume, id: "task_1", fence: 4 },
  });
});

test("a command that writes no result completes with null", async () => {
  expect((await run("exit 0")).end).toEqual({ kind: "completed", result: null, commit: null });
});

test("the files are readable by nobody else, and gone afterwards", async () => {
  const seen = path.join(scratchDirectory(), "seen");
  const { attempt } = start(`dirname $SHIM_TASK_FILE > ${seen}`);
  await attempt.ended;
  const dir = readFileSync(seen, "utf8").trim();
  expect(statSync(dir).mode & 0o777).toBe(0o700);
  await attempt.dispose();
  expect(existsSync(dir)).toBe(false);
});

test("the worker's API key does not reach the command", async () => {
  expect((await run('echo "{\\"key\\":\\"$SHIM_KEY\\"}" > $SHIM_RESULT_FILE')).end).toMatchObject({
    result: { key: "" },
  });
});

test("progress lines are progress; other lines are output", async () => {
  const { progress, output } = await run(
    "echo '::shim progress 40 half way'; echo '::shim progress 120 too far'; echo plain; echo '::shim progress 99.5'",
  );
  expect(progress).toEqual([
    { percent: 40, message: "half way" },
    { percent: 99.5, message: null },
  ]);
  expect(output).toEqual(["::shim progress 120 too far", "plain"]);
});

test("exit 75 fails retryably, and says that the command asked for it", async () => {
  expect((await run("echo busy >&2; exit 75")).end).toEqual({
    kind: "failed",
    message: "sh asked to be tried again (exit code 75):\nbusy",
    code: "exit.75",
    retryable: true,
  });
});

test("another exit code fails with the last lines of stderr", async () => {
  const { end } = await run("for i in $(seq 100); do echo line $i >&2; done; exit 3");
  expect(end).toMatchObject({ kind: "failed", code: "exit.3" });
  const { message } = end as { message: string };
  expect(message).toContain("sh ended with exit code 3");
  expect(message).toContain("line 100");
  expect(message).not.toContain("line 80\n");
  expect(message.length).toBeLessThanOrEqual(2_000);
});

test("a very long stderr still makes a message the contract takes", async () => {
  const { end } = await run("head -c 300000 /dev/zero | tr '\\0' x >&2; exit 1");
  expect((end as { message: string }).message.length).toBeLessThanOrEqual(2_000);
});

test.each([
  ["not JSON", "echo '{' > $SHIM_RESULT_FILE", "result.invalid"],
  [
    "too large",
    `printf '"' > $SHIM_RESULT_FILE; head -c 262143 /dev/zero | tr '\\0' x >> $SHIM_RESULT_FILE; printf '"' >> $SHIM_RESULT_FILE`,
    "result.too_large",
  ],
  ["far too large", "head -c 5000000 /dev/zero | tr '\\0' ' ' > $SHIM_RESULT_FILE", "result.too_large"],
])("a result that is %s fails the task for good", async (_, script, code) => {
  expect((await run(script)).end).toMatchObject({ kind: "failed", code, retryable: false });
});

test("a result of exactly 256 KB is taken", async () => {
  const script = `printf '"' > $SHIM_RESULT_FILE; head -c 262142 /dev/zero | tr '\\0' x >> $SHIM_RESULT_FILE; printf '"' >> $SHIM_RESULT_FILE`;
  expect((await run(script)).end).toMatchObject({ kind: "completed" });
});

test("death by a signal nobody here sent is a crash of the session", async () => {
  expect((await run("kill -SEGV $$")).end).toEqual({ kind: "crashed", signal: "SIGSEGV" });
});

test("an aborted attempt is neither failed nor crashed", async () => {
  const mark = path.join(mkdtempSync(path.join(scratchDirectory(), "m")), "mark");
  const { attempt } = start(`touch ${mark}; sleep 60`);
  await eventually("the command runs", () => existsSync(mark));
  attempt.abort("task.cancelled");
  expect(await attempt.ended).toEqual({ kind: "aborted", why: "task.cancelled" });
});

test("an attempt aborted before its command started never starts it", async () => {
  const mark = path.join(scratchDirectory(), "mark");
  const { attempt } = start(`touch ${mark}`);
  attempt.abort("stopped");
  expect(await attempt.ended).toEqual({ kind: "aborted", why: "stopped" });
  expect(existsSync(mark)).toBe(false);
});

test("an attempt whose lease passes is aborted for that", async () => {
  expect((await run("sleep 60", heldTask(), {}, 400)).end).toEqual({ kind: "aborted", why: "lease" });
});

const NAMING = heldTask({ data: { command: ["sh", "-c", "echo '\"named\"' > $SHIM_RESULT_FILE"] } });

test("a command named by a task's data runs only where that is allowed", async () => {
  expect((await run("exit 0", NAMING)).end).toMatchObject({
    kind: "failed",
    code: "command.refused",
    retryable: false,
  });
  expect((await run("exit 0", NAMING, { taskCommandsAllowed: true })).end).toMatchObject({
    kind: "completed",
    result: "named",
  });
  expect((await run(null, heldTask(), { taskCommandsAllowed: true })).end).toMatchObject({
    kind: "failed",
    code: "command.missing",
  });
});

test("a command that cannot be started fails so that another worker may try", async () => {
  const { end } = await run(null, heldTask(), { command: ["/nonexistent/command"] });
  expect(end).toMatchObject({ kind: "failed", code: "exit.127", retryable: true });
});
