/**
 * Runs one command in its own process group and outlives nothing: `node child-wrapper DEADLINE_MS CMD ARGS...`.
 * On standard input come the supervisor's lines, `lease DEADLINE_MS` and `kill`; to file descriptor 3 go JSON lines,
 * `{pid}` and then one `{exit}`. The group is killed when the supervisor is gone (its input closes, whatever killed
 * it), when the lease passes on the monotonic clock (a frozen supervisor renews none), or when asked.
 *
 * It imports no file of ours and little of Node's: every attempt waits for its start.
 */
import { spawn, spawnSync } from "node:child_process";
import { Socket } from "node:net";

/** On a machine too busy to list its processes in time, the group is killed without the others. */
const PS_TIMEOUT_MS = 1_000;

type Cause = "asked" | "lease" | "orphaned" | "wrapper signalled";

const [deadline = "0", command = "", ...args] = process.argv.slice(2);
const orders = new Socket({ fd: 0, readable: true, writable: false });
const reports = new Socket({ fd: 3, readable: false, writable: true });
const { SHIM_COMPILE_CACHE_OURS: ours, ...env } = process.env;
if (ours !== undefined) delete env["NODE_COMPILE_CACHE"];
const child = spawn(command, args, { env, stdio: ["ignore", "inherit", "inherit"], detached: true });

let killed: Cause | null = null;
let exited = false;
let leaseTimer: NodeJS.Timeout | undefined;

/** Signals a process, or a group by its negative id, that may be gone. */
function send(name: NodeJS.Signals, id: number): void {
  try {
    process.kill(id, name);
  } catch (error) {
    // ESRCH: nobody left. EPERM: macOS says so of a group that holds only zombies.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

/**
 * Agents start their shells in groups of their own, which killing the agent's group would leave running. They are
 * found through their parents, so before these are killed. Where there is no `ps`, only the group is known.
 */
function findDescendants(pid: number): { pid: number; group: number }[] {
  const listed = spawnSync("ps", ["-A", "-o", "pid=,ppid=,pgid="], {
    encoding: "utf8",
    timeout: PS_TIMEOUT_MS,
  });
  if (listed.error) return [];
  const rows = listed.stdout.split("\n").map((row) => row.trim().split(/\s+/).map(Number));
  const found = [{ pid, group: pid }];
  // It grows while it is walked: that is what takes it from children to grandchildren.
  for (const { pid: parent } of found)
    for (const [id = 0, parentId, group = 0] of rows) if (parentId === parent) found.push({ pid: id, group });
  return found.slice(1);
}

function kill(cause: Cause): void {
  if (exited || child.pid === undefined) return;
  killed ??= cause;
  // Stopped first, so that it starts nothing while its descendants are being counted.
  send("SIGSTOP", -child.pid);
  const descendants = findDescendants(child.pid);
  const pids = new Set(descendants.map((one) => one.pid));
  send("SIGKILL", -child.pid);
  // A group is killed whole only if one of them leads it: then it holds nobody else's processes.
  for (const { pid, group } of descendants) send("SIGKILL", pids.has(group) ? -group : pid);
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
  if (reports.writable) reports.write(`${JSON.stringify(message)}\n`, then);
  else then();
}

function finish(exit: { code: number | null; signal: string | null; error: string | null }): void {
  if (exited) return;
  exited = true;
  // What the command left behind in its group has no lease either.
  if (child.pid !== undefined) send("SIGKILL", -child.pid);
  tell({ exit: { ...exit, killed } }, () => process.exit(0));
}

let rest = "";
orders.setEncoding("utf8");
orders.on("data", (chunk: string) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    if (line === "kill") kill("asked");
    else if (line.startsWith("lease ")) watchLease(Number(line.slice(6)));
  }
});
for (const stream of [orders, reports])
  stream.on("error", () => {
    kill("orphaned");
  });
orders.on("close", () => {
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
