import type { SubmissionRecord, TaskRecord } from "../contract/records.ts";
import type { Task, TaskState } from "../contract/task.ts";
import type { Ports } from "../ports/ports.ts";
import type { Page } from "../ports/record.ts";
import { groupsOf } from "./groups-of.ts";
import { viewTask } from "./view-task.ts";
import { PAGE_LIMIT } from "../contract/limits.ts";

export type TaskFilter = { readonly group: string | null; readonly states: readonly TaskState[] | null };

/** Submissions read for one page: a bound on the work of one request, so a page may be short. */
const SUBMISSIONS_LIMIT = 40;
const ENDED: ReadonlySet<string> = new Set<TaskState>(["completed", "failed", "cancelled"]);

/**
 * Where a listing goes on: in which group, and after which of its submissions. A submission keeps its place when it
 * is closed, so none is passed over or met twice.
 */
type Place = { readonly group: string; readonly after: string | null };

/** A page of tasks, with their payloads, in the order of their groups and submissions. */
export async function listTasks(
  ports: Ports,
  fleet: string,
  filter: TaskFilter,
  cursor: string | null,
): Promise<{ tasks: Task[]; cursor: string | null }> {
  const page = await listTaskRecords(ports, fleet, filter, cursor, PAGE_LIMIT);
  return { tasks: await Promise.all(page.items.map((task) => viewTask(ports, task))), cursor: page.cursor };
}

/** A page of at most `limit` task heads that match. It may be short or empty though more follow. */
export async function listTaskRecords(
  ports: Ports,
  fleet: string,
  filter: TaskFilter,
  cursor: string | null,
  limit: number,
): Promise<Page<TaskRecord>> {
  const tasks: TaskRecord[] = [];
  let read = 0;
  for await (const { submission, place } of submissionsFrom(
    ports,
    fleet,
    filter,
    cursor === null ? null : (JSON.parse(cursor) as Place),
  )) {
    const room = limit - tasks.length;
    if (read >= SUBMISSIONS_LIMIT || room < submission.members.length)
      return { items: tasks, cursor: JSON.stringify(place) };
    const found = await ports.record.tasks.getMany(fleet, submission.members);
    const order = new Map(submission.members.map((id, i) => [id, i]));
    const matching = found.filter(
      (task) =>
        task.submission.id === submission.id &&
        (filter.states === null || filter.states.includes(task.state)),
    );
    tasks.push(...matching.sort((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0)));
    read++;
  }
  return { items: tasks, cursor: null };
}

/** The submissions that may hold matching tasks, each with the place to return to it. */
async function* submissionsFrom(
  ports: Ports,
  fleet: string,
  filter: TaskFilter,
  from: Place | null,
): AsyncGenerator<{ submission: SubmissionRecord; place: Place }> {
  const which = filter.states?.every((state) => !ENDED.has(state)) ? "open" : "all";
  let resume = from;
  for await (const { group } of groupsOf(ports, fleet, filter.group)) {
    if (resume && resume.group !== group) continue;
    let after = resume?.after ?? null;
    resume = null;
    let cursor = after;
    do {
      const page: Page<SubmissionRecord> = await ports.record.submissions.list(
        fleet,
        group,
        which,
        cursor,
        SUBMISSIONS_LIMIT,
      );
      for (const submission of page.items) {
        yield { submission, place: { group, after } };
        after = submission.id;
      }
      cursor = page.cursor;
    } while (cursor !== null);
  }
}
