import type { GroupRecord, SubmissionRecord, TaskRecord } from "../contract/records.ts";
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
 * Where a listing goes on: which group, which part of it, which page of its submissions, and which of that page it
 * has returned. These by their ids: a number of them would skip others once some have left the page.
 */
type Place = {
  readonly group: string;
  readonly part: "open" | "closed";
  readonly page: string | null;
  readonly returned: readonly string[];
};

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
  const endedWanted = filter.states === null || filter.states.some((state) => ENDED.has(state));
  let resume = from;
  for await (const group of groupsOf(ports, fleet, filter.group)) {
    if (resume && resume.group !== group.group) continue;
    for (const part of endedWanted ? (["open", "closed"] as const) : (["open"] as const)) {
      if (resume && resume.part !== part) continue;
      yield* submissionsOf(ports, group, part, resume);
      resume = null;
    }
  }
}

async function* submissionsOf(
  { record }: Ports,
  { fleet, group }: GroupRecord,
  part: Place["part"],
  from: Place | null,
): AsyncGenerator<{ submission: SubmissionRecord; place: Place }> {
  let cursor = from?.page ?? null;
  let returned = from?.returned ?? [];
  for (;;) {
    const page: Page<SubmissionRecord> = await record.submissions.list(
      fleet,
      group,
      part,
      cursor,
      SUBMISSIONS_LIMIT,
    );
    for (const submission of page.items) {
      if (returned.includes(submission.id)) continue;
      yield { submission, place: { group, part, page: cursor, returned } };
      returned = [...returned, submission.id];
    }
    if (page.cursor === null) return;
    cursor = page.cursor;
    returned = [];
  }
}
