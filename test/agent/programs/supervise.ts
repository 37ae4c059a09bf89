// A supervisor of one child: `supervise LEASE_MS RENEW_MS CMD ARGS...`. Says "killed" when the child's end came.
import { startChild } from "../../../agent/worker/child.ts";
import { monotonicMs } from "../../../agent/worker/monotonic.ts";

const [leaseMs = "0", renewMs = "0", command = "", ...args] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);
const child = startChild({
  command: [command, ...args],
  cwd: process.cwd(),
  env: process.env,
  leaseUntilMs: monotonicMs() + Number(leaseMs),
  onStdout: say,
  onStderr: say,
});
if (Number(renewMs) > 0)
  setInterval(() => {
    child.extendLease(monotonicMs() + Number(leaseMs));
  }, Number(renewMs)).unref();
say(JSON.stringify(await child.exited));
