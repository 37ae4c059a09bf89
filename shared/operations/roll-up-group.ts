import type { GroupRecord, SubmissionRecord } from "../contract/records.ts";
import { addTotals, openMembers, totalsOf } from "../domain/totals.ts";
import { SUBMISSION_WINDOW_MS } from "../domain/new-task.ts";
import { isEnded } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";

/** Open submissions looked at in one go, and how many of them are rolled up at once. */
const PAGE = 50;
/** Pages of one call, and unfinished submissions whose tasks it reads: bounds on a sweep's tick. */
const PAGES = 20;
const MENDED = 50;
/** A member that does not exist this long after its submission was cut short and belongs to nobody. */
const CUT_SHORT_MS = 2 * SUBMISSION_WINDOW_MS;
/** Stands for a submission where there is none to roll up, so that closing a group is finished like a roll-up. */
const NOTHING = "nothing";

/**
 * Adds submissions whose tasks have all ended to their group's totals, each exactly once: those being added are
 * named by the same commit that adds them, and filed as closed before the next can be. Whoever finds some named
 * files them first. Reading the group before each page of submissions makes a lost race show as a changed `rev`.
 * However many are open, each call mends the next few and rolls up what it finds from there on, and notes where it
 * stopped mending.
 */
export async function rollUpGroup(ports: Ports, fleet: string, name: string): Promise<void> {
  const { groups, submissions } = ports.record;
  const found = await groups.get(fleet, name);
  let group = found && (await finishRolling(ports, found));
  if (!group?.open) return;
  const start = group.rollUpAfter ?? null;
  let after = start;
  const unfinished: SubmissionRecord[] = [];
  for (let pages = 0; pages < PAGES && (pages === 0 || after !== null); pages++) {
    const page = await submissions.list(fleet, name, "open", after, PAGE);
    const done = page.items.filter((submission) => openMembers(submission).length === 0);
    unfinished.push(...page.items.filter((submission) => !done.includes(submission)));
    after = page.cursor;
    const closes = start === null && after === null && unfinished.length === 0;
    if (done.length > 0 || closes) group = await roll(ports, group, done, closes);
    if (!group) return;
  }
  const mended = unfinished.slice(0, MENDED);
  for (const submission of mended) await mend(ports, submission);
  const stop = unfinished.length > MENDED ? (mended.at(-1)?.id ?? null) : after;
  if (stop !== start) await groups.commit(group, { ...group, rollUpAfter: stop });
}

/** Adds these to the totals, and files them. Null if somebody else changed the group first. */
async function roll(
  ports: Ports,
  group: GroupRecord,
  done: readonly SubmissionRecord[],
  closes: boolean,
): Promise<GroupRecord | null> {
  const written = await ports.record.groups.commit(group, {
    ...group,
    totals: done.map(totalsOf).reduce(addTotals, group.totals),
    open: !closes,
    rolling: done.length > 0 ? done.map(({ id }) => id) : [NOTHING],
  });
  return written && finishRolling(ports, written);
}

/**
 * Files the submissions that are in the totals already as closed. A group that was closed over one that was filed
 * meanwhile is opened again by the same commit: who files one later finds the group closed and opens it. Null if
 * somebody else changed the group first.
 */
async function finishRolling({ record }: Ports, group: GroupRecord): Promise<GroupRecord | null> {
  if (group.rolling.length === 0) return group;
  const { fleet, group: name, rolling } = group;
  for (const id of rolling) await record.submissions.close(fleet, name, id);
  const open = group.open || (await record.submissions.list(fleet, name, "open", null, 1)).items.length > 0;
  return record.groups.commit(group, { ...group, open, rolling: [] });
}

/**
 * Marks members whose end was not noted, and members that never came to be. An end whose effects are pending is marked by
 * those: until then the submission stays open, for whoever walks a group to run them.
 */
async function mend(ports: Ports, submission: SubmissionRecord): Promise<void> {
  const open = openMembers(submission);
  const { fleet, group, id, members } = submission;
  const tasks = new Map((await ports.record.tasks.getMany(fleet, open)).map((task) => [task.id, task]));
  const old = submission.createdAtMs + CUT_SHORT_MS < ports.clock.nowMs();
  for (const member of open) {
    const task = tasks.get(member);
    const index = members.indexOf(member);
    const elsewhere = task && task.submission.id !== id && task.redrives === 0;
    if (elsewhere || (!task && old)) await ports.record.submissions.mark(fleet, group, id, index, "void");
    else if (task && task.submission.id === id && isEnded(task) && !task.effectsPending)
      await ports.record.submissions.mark(fleet, group, id, index, task.state);
  }
}
