import type { CancelGroupAnswer, CancelGroupRequest } from "../contract/bulk.ts";
import { type Refusal, isRefusal } from "../contract/errors.ts";
import type { SubmissionRecord, TaskRecord } from "../contract/records.ts";
import { NO_GROUP } from "../domain/new-task.ts";
import { isEnded } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import type { Page } from "../ports/record.ts";
import { apart } from "./apart.ts";
import { endByCancel } from "./cancel-task.ts";
import { runEndEffects } from "./run-end-effects.ts";
import { sideBySide } from "./side-by-side.ts";

/** Submissions read at once, and tasks beyond which no further submission of them is begun. */
const SUBMISSIONS_PAGE = 20;
const TASKS_AT_ONCE = 100;
/** Bounds on one request: when it begins nothing further. A function has 29 seconds. */
const SUBMISSIONS_LIMIT = 60;
const WORK_MS = 4_000;

/** First every task is cancelled, then others are told: by which of the two, and after which submission, to go on. */
type Place = { readonly step: "cancel" | "tell"; readonly after: string | null };

/**
 * Cancels the tasks of a group that have not ended, as far as one request may go.
 *
 * The group's open submissions are walked twice. The first time tasks end; the second time their effects run, so that a
 * task which waits for another of the group is cancelled too and not failed by the other's end. A kill in between, or a
 * client that asks no further, leaves effects pending, which the repair finds; it may then be the one to tell, and a
 * dependent that was not reached yet follows its policy.
 *
 * A submission is filed before its tasks exist and stays open until all of them have ended, so whatever was accepted
 * before the first request is met. What is submitted meanwhile is met or not: submissions are walked by their ids.
 * Repeating a request cancels nothing twice.
 */
export async function cancelGroup(
  ports: Ports,
  fleet: string,
  { group, reason = null }: Pick<CancelGroupRequest, "group"> & { reason?: string | null },
  cursor: string | null,
): Promise<CancelGroupAnswer | Refusal> {
  const untilMs = ports.clock.nowMs() + WORK_MS;
  let place: Place = cursor === null ? { step: "cancel", after: null } : (JSON.parse(cursor) as Place);
  let cancelled = 0;
  for (let read = 0; read < SUBMISSIONS_LIMIT && ports.clock.nowMs() < untilMs;) {
    const page = firstOf(
      await ports.record.submissions.list(fleet, group, "open", place.after, SUBMISSIONS_PAGE),
    );
    const tasks = await membersOf(ports, fleet, group, page);
    if (place.step === "tell") await tell(ports, tasks);
    else {
      const count = await cancelAll(ports, tasks, reason);
      if (isRefusal(count)) return count;
      cancelled += count;
    }
    if (page.cursor === null && place.step === "tell") return { cancelled, cursor: null };
    place = page.cursor === null ? { step: "tell", after: null } : { ...place, after: page.cursor };
    read += Math.max(1, page.items.length);
  }
  return { cancelled, cursor: JSON.stringify(place) };
}

/** As much of a page as is done before looking at the clock again. */
function firstOf(page: Page<SubmissionRecord>): Page<SubmissionRecord> {
  let tasks = 0;
  const end = page.items.findIndex(({ members }) => (tasks += members.length) >= TASKS_AT_ONCE) + 1;
  if (end === 0 || end === page.items.length) return page;
  const items = page.items.slice(0, end);
  return { items, cursor: items.at(-1)?.id ?? null };
}

/** Their tasks, without those that were filed with them and then submitted to another group. */
async function membersOf(
  { record }: Ports,
  fleet: string,
  group: string,
  { items }: Page<SubmissionRecord>,
): Promise<TaskRecord[]> {
  const tasks = await record.tasks.getMany(
    fleet,
    items.flatMap(({ members }) => members),
  );
  return tasks.filter((task) => (task.group ?? NO_GROUP) === group);
}

async function cancelAll(
  ports: Ports,
  tasks: readonly TaskRecord[],
  reason: string | null,
): Promise<number | Refusal> {
  const open = tasks.filter((task) => !isEnded(task));
  const results = await sideBySide(open, ({ fleet, id }) => endByCancel(ports, fleet, id, reason));
  // One that ended otherwise meanwhile is none of ours.
  const overtaken = results.find((result) => isRefusal(result) && result.refused === "conflict.retry");
  if (isRefusal(overtaken)) return overtaken;
  return results.filter((result) => !isRefusal(result) && result.changed).length;
}

async function tell(ports: Ports, tasks: readonly TaskRecord[]): Promise<void> {
  const pending = tasks.filter(isEnded).filter(({ effectsPending }) => effectsPending);
  await sideBySide(pending, (task) =>
    apart(ports, { fleet: task.fleet, task: task.id }, () => runEndEffects(ports, task)),
  );
}
