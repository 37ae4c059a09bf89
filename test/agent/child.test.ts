import { mkdtempSync } from "node:fs";
import path from "node:path";
import { setImmediate as nextTurn, setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { type ChildExit, startChild } from "../../agent/worker/child.ts";
import { monotonicMs } from "../../agent/worker/monotonic.ts";
import { scratchDirectory } from "../fixtures/scratch.ts";
import { programPath, runProgram, watchLife } from "./processes.ts";

const FAR_MS = 60_000;

function start(command: readonly [string, ...string[]], env: NodeJS.ProcessEnv = process.env) {
  const lines: string[] = [];
  const child = startChild({
    command,
    cwd: scratchDirectory(),
    env,
    leaseUntilMs: monotonicMs() + FAR_MS,
    onStdout: (line) => lines.push(`out ${line}`),
    onStderr: (line) => lines.push(`err ${line}`),
  });
  return { child, lines };
}

/** A shell that starts a grandchild listening on a socket, and waits for it. */
function family(socketPath: string): [string, ...string[]] {
  return ["sh", "-c", '"$0" "$1" "$2" & wait', process.execPath, programPath("listen"), socketPath];
}

function ended(exit: Partial<ChildExit>): ChildExit {
  return { code: null, signal: null, error: null, killed: null, ...exit };
}

test.each([0, 1, 75, 255])("exit code %i arrives as it is", async (code) => {
  const { child } = start(["sh", "-c", `exit ${code}`]);
  expect(await child.exited).toEqual(ended({ code }));
});

test("a child's exit arrives although its lease is being renewed while it ends", async () => {
  for (let i = 0; i < 10; i++) {
    const { child } = start(["true"]);
    const exits: ChildExit[] = [];
    void child.exited.then((exit) => exits.push(exit));
    while (exits.length === 0) {
      child.extendLease(monotonicMs() + FAR_MS);
      await nextTurn();
    }
    expect(exits).toEqual([ended({ code: 0 })]);
  }
});

test.each([{}, { NODE_COMPILE_CACHE: "/tmp/chosen" }])(
  "a command sees the environment it was given, and nothing of its wrapper's: %o",
  async (chosen) => {
    const given = { PATH: process.env.PATH, ...chosen };
    const print = "process.stdout.write(JSON.stringify(process.env))";
    const { child, lines } = start([process.execPath, "-e", print], given);
    expect(await child.exited).toEqual(ended({ code: 0 }));
    expect(lines.map((line) => JSON.parse(line.slice(4)) as object)).toEqual([given]);
  },
);

test.each(["SIGSEGV", "SIGKILL", "SIGTERM"])(
  "death by %s arrives as that signal, and as nobody's wish",
  async (signal) => {
    const { child } = start(["sh", "-c", `kill -${signal.slice(3)} $$`]);
    expect(await child.exited).toEqual(ended({ signal }));
  },
);

test("a command that does not exist is an error, not a crash", async () => {
  const { child } = start(["/nonexistent/command"]);
  const exit = await child.exited;
  expect(exit).toMatchObject({ code: null, signal: null });
  expect(exit.error).toContain("ENOENT");
});

test("all output arrives before the exit, the last line also without its newline", async () => {
  const { child, lines } = start([
    "sh",
    "-c",
    "for i in $(seq 2000); do echo $i; done; printf end; echo oops >&2",
  ]);
  expect(await child.exited).toEqual(ended({ code: 0 }));
  expect(lines.filter((line) => line.startsWith("out"))).toHaveLength(2001);
  expect(lines).toContain("out end");
  expect(lines).toContain("err oops");
});

test("killing a child kills its grandchildren", async () => {
  const socketPath = path.join(scratchDirectory(), "s");
  const { child } = start(family(socketPath));
  const grandchild = await watchLife(socketPath);
  child.kill();
  await grandchild.ended;
  expect(await child.exited).toEqual(ended({ signal: "SIGKILL", killed: "asked" }));
});

test("killing a child kills a grandchild that moved to a group of its own, as agents' shells do", async () => {
  const socketPath = path.join(scratchDirectory(), "s");
  const { child } = start([process.execPath, programPath("detach"), programPath("listen"), socketPath]);
  const grandchild = await watchLife(socketPath);
  child.kill();
  await grandchild.ended;
  expect(await child.exited).toEqual(ended({ signal: "SIGKILL", killed: "asked" }));
});

test("what a child leaves running in its group dies when it exits", async () => {
  const socketPath = path.join(scratchDirectory(), "s");
  const { child } = start([
    "sh",
    "-c",
    `"$0" "$1" "$2" & until [ -S "$2" ]; do sleep 0.05; done; sleep 0.3; exit 3`,
    process.execPath,
    programPath("listen"),
    socketPath,
  ]);
  const grandchild = await watchLife(socketPath);
  expect(await child.exited).toEqual(ended({ code: 3 }));
  await grandchild.ended;
});

test("a child whose lease passes is killed with its grandchildren; one whose lease is renewed is not", async () => {
  const dir = scratchDirectory();
  const kept = start(family(path.join(dir, "kept")));
  const lost = start(family(path.join(dir, "lost")));
  const [keptLife, lostLife] = await Promise.all([
    watchLife(path.join(dir, "kept")),
    watchLife(path.join(dir, "lost")),
  ]);
  for (const { child } of [kept, lost]) child.extendLease(monotonicMs() + 1_000);
  kept.child.extendLease(monotonicMs() + FAR_MS);
  await lostLife.ended;
  expect(await lost.child.exited).toEqual(ended({ signal: "SIGKILL", killed: "lease" }));
  expect(keptLife.isAlive()).toBe(true);
  kept.child.kill();
  await keptLife.ended;
});

test("grandchildren die when the supervisor is killed by SIGKILL", async () => {
  const socketPath = path.join(scratchDirectory(), "s");
  const supervisor = runProgram(programPath("supervise"), [String(FAR_MS), "0", ...family(socketPath)]);
  const grandchild = await watchLife(socketPath);
  supervisor.kill("SIGKILL");
  await grandchild.ended;
});

test("grandchildren of a frozen supervisor die when its lease passes, though it renewed until then", async () => {
  const socketPath = path.join(mkdtempSync(path.join(scratchDirectory(), "d")), "s");
  const leaseMs = 1_000;
  const supervisor = runProgram(programPath("supervise"), [String(leaseMs), "100", ...family(socketPath)]);
  const grandchild = await watchLife(socketPath);
  // Renewal is what keeps it alive: it outlives its first lease.
  await wait(1.5 * leaseMs);
  expect(grandchild.isAlive()).toBe(true);
  supervisor.kill("SIGSTOP");
  const frozenAtMs = performance.now();
  await grandchild.ended;
  expect(performance.now() - frozenAtMs).toBeLessThan(leaseMs + 1_000);
});
