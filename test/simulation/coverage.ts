import { SESSION_TRANSITIONS } from "../../shared/domain/session-transitions.ts";
import { TASK_TRANSITIONS } from "../../shared/domain/task-state.ts";

/** So many seeds reach everything that is expected. */
export const COVERING_SEEDS = 200;

const pairs = (kind: string, table: Readonly<Record<string, readonly string[]>>) =>
  Object.entries(table).flatMap(([from, to]) => to.map((state) => `${kind} ${from} -> ${state}`));

/** What requests that are right may be answered, and those that are wrong, late, or in an old name. */
const REFUSALS: Readonly<Record<string, readonly string[]>> = {
  submit: ["task.exists", "dependency.unknown", "dependency.cycle", "batch.duplicate_id"],
  cancel: ["task.not_found", "task.finished"],
  redrive: ["task.not_found", "task.not_failed"],
  claim: ["session.superseded"],
  complete: ["lease.stale", "task.finished", "task.cancelled"],
  fail: ["lease.stale"],
  release: ["lease.stale"],
  progress: ["lease.stale"],
  register: ["host.live"],
  drain: ["session.ended", "session.not_found"],
  restart: ["session.ended", "session.not_found"],
  end: ["session.superseded"],
  send: ["session.not_found", "session.superseded"],
  read: ["session.superseded", "cursor.invalid"],
  acknowledge: ["session.superseded"],
  checkpoint: ["session.superseded", "lease.stale"],
  latest: ["checkpoint.not_found"],
};
const ANSWERED = [
  ...["register", "beat", "claim", "progress", "complete", "fail", "release", "end"],
  ...["send", "sendAsOperator", "read", "acknowledge", "checkpoint", "latest"],
  ...["submit", "cancel", "redrive", "rebalance", "drain", "restart", "pause", "limit", "resume", "summary"],
];

/** Every transition of tasks and sessions, and every outcome of a request that the simulation should come to. */
export const EXPECTED: readonly string[] = [
  ...["checkpoint released", "task resumed"],
  ...["task none -> queued", "task none -> blocked", "session none -> live"],
  ...pairs("task", TASK_TRANSITIONS),
  ...pairs("session", SESSION_TRANSITIONS),
  ...ANSWERED.flatMap((name) => [`${name} answered`, `${name} lost`]),
  ...Object.entries(REFUSALS).flatMap(([name, codes]) => codes.map((code) => `${name} refused ${code}`)),
];

export function unreached(reached: ReadonlyMap<string, number>): string[] {
  return EXPECTED.filter((what) => !reached.has(what));
}
