import { PAGE_LIMIT } from "../contract/limits.ts";
import type { GroupRecord, SubmissionRecord, Totals } from "../contract/records.ts";
import type { ProgressSummary } from "../contract/task.ts";
import { NO_TOTALS, addTotals, openMembers, totalsOf } from "../domain/totals.ts";
import { isAlive } from "../domain/session-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { groupsOf } from "./groups-of.ts";
import { listTaskRecords } from "./list-tasks.ts";
import { liveSessions } from "./live-sessions.ts";
import { viewTask } from "./view-task.ts";

const PAGE = 100;

/**
 * Counts a group's tasks, or all of the fleet, from what the record says now. Ended tasks come from totals and
 * submissions, those in progress from what sessions hold, the rest is queued: so the six always sum to the total.
 *
 * @param cursor where the results go on, or null
 */
export async function summariseProgress(
  ports: Ports,
  fleet: string,
  group: string | null,
  cursor: string | null,
): Promise<ProgressSummary> {
  const { held, activeChats } = await heldTasks(ports, fleet);
  let totals: Totals = NO_TOTALS;
  let inProgressTasks = 0;
  for await (const record of groupsOf(ports, fleet, group)) {
    const counted = await countGroup(ports, record, held);
    totals = addTotals(totals, counted.totals);
    inProgressTasks += counted.inProgress;
  }
  const ended = totals.completed + totals.failed + totals.cancelled;
  const outcomes = await endedTasks(ports, fleet, group, cursor);
  return {
    totalTasks: totals.total,
    completedTasks: totals.completed,
    inProgressTasks,
    queuedTasks: totals.total - ended - inProgressTasks,
    failedTasks: totals.failed,
    cancelledTasks: totals.cancelled,
    activeChats,
    ...outcomes,
  };
}

async function heldTasks(ports: Ports, fleet: string): Promise<{ held: Set<string>; activeChats: number }> {
  const held = new Set<string>();
  let activeChats = 0;
  for await (const page of liveSessions(ports, fleet)) {
    for (const session of page) for (const task of Object.keys(session.held)) held.add(task);
    activeChats += page.filter(isAlive).length;
  }
  return { held, activeChats };
}

/**
 * What was rolled up and what is still open. A submission is in one of the two: those being rolled up are in the
 * totals and still filed as open, and are left out here.
 */
async function countGroup(
  { record }: Ports,
  group: GroupRecord,
  held: ReadonlySet<string>,
): Promise<{ totals: Totals; inProgress: number }> {
  let { totals } = group;
  let inProgress = 0;
  let cursor: string | null = null;
  do {
    const page: { items: readonly SubmissionRecord[]; cursor: string | null } = await record.submissions.list(
      group.fleet,
      group.group,
      "open",
      cursor,
      PAGE,
    );
    for (const submission of page.items) {
      if (group.rolling.includes(submission.id)) continue;
      totals = addTotals(totals, totalsOf(submission));
      inProgress += openMembers(submission).filter((task) => held.has(task)).length;
    }
    cursor = page.cursor;
  } while (cursor !== null);
  return { totals, inProgress };
}

async function endedTasks(
  ports: Ports,
  fleet: string,
  group: string | null,
  cursor: string | null,
): Promise<Pick<ProgressSummary, "results" | "cursor">> {
  const page = await listTaskRecords(
    ports,
    fleet,
    { group, states: ["completed", "failed", "cancelled"] },
    cursor,
    PAGE_LIMIT,
  );
  const results = await Promise.all(
    page.items.map(async (task) => {
      const { id, result, error } = await viewTask(ports, task);
      if (task.state !== "completed" && task.state !== "failed" && task.state !== "cancelled")
        throw new Error("a listing by state returned another state");
      return { taskId: id, state: task.state, result, error };
    }),
  );
  return { results, cursor: page.cursor };
}
