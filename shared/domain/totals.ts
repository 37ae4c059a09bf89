import type { SubmissionRecord, Totals } from "../contract/records.ts";

export const NO_TOTALS: Totals = { total: 0, completed: 0, failed: 0, cancelled: 0 };

export function addTotals(a: Totals, b: Totals): Totals {
  return {
    total: a.total + b.total,
    completed: a.completed + b.completed,
    failed: a.failed + b.failed,
    cancelled: a.cancelled + b.cancelled,
  };
}

/** What a submission adds to its group, with what it takes back from earlier ones. */
export function totalsOf(submission: SubmissionRecord): Totals {
  const own = {
    total: submission.members.length - submission.void.length,
    completed: submission.completed.length,
    failed: submission.failed.length,
    cancelled: submission.cancelled.length,
  };
  return addTotals(own, submission.adjust);
}

/** Members of a submission that have not ended, by id. */
export function openMembers(submission: SubmissionRecord): string[] {
  const ended = new Set([
    ...submission.completed,
    ...submission.failed,
    ...submission.cancelled,
    ...submission.void,
  ]);
  return submission.members.filter((_, index) => !ended.has(index));
}
