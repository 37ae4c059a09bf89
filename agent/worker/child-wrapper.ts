/**
 * Runs one command in its own process group and outlives nothing: `node child-wrapper DEADLINE_MS CMD ARGS...`.
 * File descriptor 3 is the supervisor. In: lines `lease DEADLINE_MS` and `kill`. Out: JSON lines `{pid}`, then
 * one `{exit}`. The group is killed when the supervisor is gone (the descriptor closes, whatever killed it),
 * when the lease passes on the monotonic clock (a frozen supervisor renews none), or when asked.
 *
 * It imports no file of ours and little of Node's: every attempt waits for its start.
 */
import { spawn } from "node:child_process";
import { Socket } from "node:net";

type Cause = "asked" | "lease" | "orphaned" | "wrapper signalled";

const [deadline = "0", command = "", ...args] = process.argv.slice(2);
const supervisor = new Socket({ fd: 3, readable: true, writable: true });
const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"], detached: true });

let killed: Cause | null = null;
let exited = false;
let leaseTimer: NodeJS.Timeout | undefined;

function killGroup(): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // ESRCH: nobody left. EPERM: macOS says so of a group that holds only zombies.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

function kill(cause: Cause): void {
  if (exited) return;
  killed ??= cause;
  killGroup();
}

function watchLease(deadlineMs: number): void {
  clearTimeout(leaseTimer);
  const leftMs = deadlineMs - Number(process.hrtime.bigint() / 1_000_000n);
  leaseTimer = setTimeout(
    () => {
      kill("lease");
    },
    Math.min(Math.max(leftMs, 0), 2 ** 31 - 1),
  );
}

function tell(message: object, then: () => void = () => undefined): void {
  if (supervisor.writable) supervisor.write(`${JSON.stringify(message)}\n`, then);
  else then();
}

function finish(exit: { code: number | null; signal: string | null; error: string | null }): void {
  if (exited) return;
  exited = true;
  // What the command left behind in its group has no lease either.
  killGroup();
  tell({ exit: { ...exit, killed } }, () => process.exit(0));
}

let rest = "";
supervisor.setEncoding("utf8");
supervisor.on("data", (chunk: string) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    if (line === "kill") kill("asked");
    else if (line.startsWith("lease ")) watchLease(Number(line.slice(6)));
  }
});
supervisor.on("error", () => {
  kill("orphaned");
});
supervisor.on("close", () => {
  kill("orphaned");
  if (exited) process.exit(0);
});

child.on("error", (error) => {
  finish({ code: null, signal: null, error: error.message });
});
child.on("exit", (code, signal) => {
  finish({ code, signal, error: null });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    kill("wrapper signalled");
  });

watchLease(Number(deadline));
tell({ pid: child.pid ?? null });
