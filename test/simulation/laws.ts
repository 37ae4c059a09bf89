import type { SessionRecord, TaskRecord } from "../../shared/contract/records.ts";

export type Complain = (guarantee: number, what: string) => void;

/** Spelled out again, so that a change of the operations' own table is seen. */
const TASK_STEPS: Readonly<Record<string, string>> = {
  none: "blocked queued",
  blocked: "blocked queued failed cancelled",
  queued: "queued assigned running cancelled",
  assigned: "assigned running queued failed cancelled",
  running: "running completed failed queued cancelled",
  completed: "completed",
  failed: "failed queued blocked",
  cancelled: "cancelled",
};
const SESSION_STEPS: Readonly<Record<string, string>> = {
  none: "live",
  live: "live draining recovering",
  draining: "draining recovering",
  recovering: "recovering crashed ended",
  crashed: "crashed live",
  ended: "ended live",
};

const allows = (steps: Readonly<Record<string, string>>, from: string | undefined, to: string) =>
  (steps[from ?? "none"] ?? "").split(" ").includes(to);
const isEnded = ({ state }: TaskRecord) =>
  state === "completed" || state === "failed" || state === "cancelled";
const ownerOf = (task: TaskRecord) =>
  "owner" in task ? `${task.owner.session}#${task.owner.epoch}` : isEnded(task) ? "ended" : "nobody";

/** What must be true of every write of a task, whoever wrote it and whatever went wrong before. */
export function checkTask(
  before: TaskRecord | null,
  next: TaskRecord,
  owner: SessionRecord | null,
  complain: Complain,
): void {
  const name = `task ${next.id}: ${before?.state ?? "none"} -> ${next.state}`;
  if (!allows(TASK_STEPS, before?.state, next.state)) complain(before?.state === "cancelled" ? 18 : 1, name);
  if (next.attempt > next.maxAttempts || next.attempt < 0) complain(12, `${name}, attempt ${next.attempt}`);
  if ("owner" in next) checkHeld(next, owner, complain);
  if (!before) return;
  if (next.rev !== before.rev + 1) complain(1, `${name}, rev ${before.rev} -> ${next.rev}`);
  if (next.fence < before.fence) complain(3, `${name}, fence ${before.fence} -> ${next.fence}`);
  const changedHands = ownerOf(before) !== ownerOf(next) && (ownerOf(before) !== "nobody" || !isEnded(next));
  if (changedHands && next.fence <= before.fence)
    complain(3, `${name}, owner changed and fence ${next.fence} did not rise`);
  if (isEnded(before) && !isEnded(next) && next.redrives !== before.redrives + 1)
    complain(1, `${name} without a redrive`);
  const attempts = next.attempt - before.attempt;
  const starts = next.state === "running" && before.state !== "running" ? 1 : 0;
  const gaveBack = before.state === "running" && !isEnded(next) && attempts === -1;
  const anew = next.redrives > before.redrives && next.attempt === 0;
  const givenUp =
    before.state === "running" && next.state === "failed" && next.error.code === "placements.spent";
  if (attempts !== starts && !gaveBack && !anew && !givenUp)
    complain(12, `${name}, attempt ${before.attempt} -> ${next.attempt}`);
  checkVoice(before, next, name, complain);
}

/** Guarantee 4: only the holder's own words settle a task or say how far it is. */
function checkVoice(before: TaskRecord, next: TaskRecord, name: string, complain: Complain): void {
  const { settledBy } = next;
  if (settledBy && JSON.stringify(settledBy) !== JSON.stringify(before.settledBy)) {
    const holder =
      "owner" in before &&
      before.owner.session === settledBy.session &&
      before.owner.epoch === settledBy.epoch;
    if (!holder || before.fence !== settledBy.fence)
      complain(4, `${name} by ${settledBy.session} with fence ${settledBy.fence}, which did not hold it`);
  }
  const message = next.progress?.message;
  if (message == null || message === before.progress?.message || !("owner" in next)) return;
  if (message !== `${next.owner.session}.${next.owner.epoch}.${next.fence}`)
    complain(
      4,
      `${name}: progress of ${message} while ${next.owner.session} holds it with fence ${next.fence}`,
    );
}

/** `held` contains everything owned, as long as the owner's epoch is the session's. */
function checkHeld(task: TaskRecord, session: SessionRecord | null, complain: Complain): void {
  if (!("owner" in task)) return;
  if (!session) complain(2, `task ${task.id} is owned by ${task.owner.session}, which does not exist`);
  else if (session.epoch === task.owner.epoch && session.held[task.id] !== task.fence)
    complain(
      2,
      `task ${task.id} (fence ${task.fence}) is owned by ${session.id}, whose held does not say so`,
    );
}

/** What must be true of every write of a session. */
export function checkSession(
  before: SessionRecord | null,
  next: SessionRecord,
  taskOf: (id: string) => TaskRecord | null,
  complain: Complain,
): void {
  const name = `session ${next.id}: ${before?.state ?? "none"} -> ${next.state}`;
  if (!allows(SESSION_STEPS, before?.state, next.state)) complain(1, name);
  if (Object.keys(next.held).length > next.capacity) complain(16, `${name} holds more than its capacity`);
  if (!before) return;
  if (next.epoch < before.epoch) complain(3, `${name}, epoch ${before.epoch} -> ${next.epoch}`);
  if (next.state === "recovering" && before.state !== "recovering" && next.epoch !== before.epoch + 1)
    complain(3, `${name}, epoch ${before.epoch} -> ${next.epoch}`);
  if (next.state === "crashed" || next.state === "ended")
    if (Object.keys(next.held).length > 0) complain(1, `${name} with tasks in held`);
  for (const [id, fence] of Object.entries(before.held)) {
    if (next.held[id] === fence) continue;
    const task = taskOf(id);
    if (task && "owner" in task && task.owner.session === next.id && task.fence === fence)
      complain(2, `${name} let go of ${id}, which it owns`);
  }
}
