import type { GroupRecord, SubmissionRecord } from "../contract/records.ts";
import { addTotals, openMembers, totalsOf } from "../domain/totals.ts";
import { SUBMISSION_WINDOW_MS } from "../domain/new-task.ts";
import { isEnded } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { openGroup } from "./open-group.ts";

/** Open submissions looked at in one go, and how many of them are rolled up at once. */
const PAGE = 50;
/** A member that does not exist this long after its submission was cut short and belongs to nobody. */
const CUT_SHORT_MS = 2 * SUBMISSION_WINDOW_MS;

/**
 * Adds submissions whose tasks have all ended to their group's totals, each exactly once: those being added are
 * named by the same commit that adds them, and filed as closed before the next can be. Whoever finds some named
 * files them first. Reading the group before the submissions makes a lost race show as a changed `rev`.
 */
export async function rollUpGroup(ports: Ports, fleet: string, name: string): Promise<void> {
  const { groups, submissions } = ports.record;
  const found = await groups.get(fleet, name);
  const group = found && (await closeRolling(ports, found));
  if (!group) return;
  if (!group.open) return reopen(ports, fleet, name);
  const page = await submissions.list(fleet, name, "open", null, PAGE);
  const done: SubmissionRecord[] = [];
  for (const submission of page.items) if ((await mend(ports, submission)) === "ended") done.push(submission);
  const allDone = page.cursor === null && done.length === page.items.length;
  if (done.length === 0 && !allDone) return;
  const totals = done.map(totalsOf).reduce(addTotals, group.totals);
  const written = await groups.commit(group, {
    ...group,
    totals,
    open: !allDone,
    rolling: done.map(({ id }) => id),
  });
  if (!written) return;
  await closeRolling(ports, written);
  if (allDone) await reopen(ports, fleet, name);
}

/** What was filed after the page was read saw the group open still, and it was closed over it. */
async function reopen(ports: Ports, fleet: string, name: string): Promise<void> {
  const later = await ports.record.submissions.list(fleet, name, "open", null, 1);
  if (later.items.length > 0) await openGroup(ports, fleet, name);
}

/** Files the submissions that are in the totals already as closed. Null if somebody else got there first. */
async function closeRolling({ record }: Ports, group: GroupRecord): Promise<GroupRecord | null> {
  if (group.rolling.length === 0) return group;
  for (const id of group.rolling) await record.submissions.close(group.fleet, group.group, id);
  return record.groups.commit(group, { ...group, rolling: [] });
}

/** Marks members whose end was not noted, and members that never came to be. */
async function mend(ports: Ports, submission: SubmissionRecord): Promise<"ended" | "open"> {
  const open = openMembers(submission);
  if (open.length === 0) return "ended";
  const { fleet, group, id, members } = submission;
  const tasks = new Map((await ports.record.tasks.getMany(fleet, open)).map((task) => [task.id, task]));
  const old = submission.createdAtMs + CUT_SHORT_MS < ports.clock.nowMs();
  for (const member of open) {
    const task = tasks.get(member);
    const index = members.indexOf(member);
    const elsewhere = task && task.submission.id !== id && task.redrives === 0;
    if (elsewhere || (!task && old)) await ports.record.submissions.mark(fleet, group, id, index, "void");
    else if (task && task.submission.id === id && isEnded(task))
      await ports.record.submissions.mark(fleet, group, id, index, task.state);
  }
  return "open";
}
