import { MAX_ATTEMPTS_DEFAULT, PRIORITY_DEFAULT, SUBMISSION_MEMBERS_LIMIT } from "../contract/limits.ts";
import type { PayloadRef, SubmissionRecord, TaskRecord } from "../contract/records.ts";
import type { TaskSubmission } from "../contract/task.ts";
import { hashOf } from "./canonical-json.ts";
import { NO_TOTALS } from "./totals.ts";

/** Where tasks without a group are counted. */
export const NO_GROUP = "-";

/** A submitted task that has an id. */
export type IdentifiedSubmission = TaskSubmission & { readonly id: string };

/** Hash of what was asked, with the defaults spelled out, so that leaving one out is no difference. */
export function submissionHash(submission: TaskSubmission): string {
  const {
    type,
    priority = PRIORITY_DEFAULT,
    data,
    group,
    dependsOn = [],
    key,
    requires = [],
    affinity,
    maxAttempts = MAX_ATTEMPTS_DEFAULT,
    timeoutMs,
  } = submission;
  return hashOf(type, priority, data, group, dependsOn, key, requires, affinity, maxAttempts, timeoutMs);
}

export function newTask(
  fleet: string,
  submission: IdentifiedSubmission,
  data: PayloadRef,
  place: TaskRecord["submission"],
  nowMs: number,
): TaskRecord {
  const dependsOn = [...new Set(submission.dependsOn ?? [])];
  const base = {
    v: 1 as const,
    rev: 0,
    fleet,
    id: submission.id,
    type: submission.type,
    priority: submission.priority ?? PRIORITY_DEFAULT,
    group: submission.group ?? null,
    key: submission.key ?? null,
    requires: [...new Set(submission.requires ?? [])].sort(),
    affinity: submission.affinity ?? null,
    dependsOn,
    maxAttempts: submission.maxAttempts ?? MAX_ATTEMPTS_DEFAULT,
    timeoutMs: submission.timeoutMs ?? null,
    data,
    bodyHash: submissionHash(submission),
    submission: place,
    fence: 0,
    attempt: 0,
    placements: 0,
    redrives: 0,
    settledBy: null,
    progress: null,
    error: null,
    createdAtMs: nowMs,
    startedAtMs: null,
  };
  return dependsOn.length > 0
    ? { ...base, state: "blocked", waitingOn: dependsOn }
    : { ...base, state: "queued", notBeforeMs: nowMs };
}

/**
 * The items that will count these tasks, up to 25 of one group each. Their ids follow from their members, so that
 * repeating a submission that was cut short finds the same items.
 */
export function newSubmissions(
  fleet: string,
  tasks: readonly IdentifiedSubmission[],
  nowMs: number,
): SubmissionRecord[] {
  const groups = Map.groupBy(tasks, ({ group }) => group ?? NO_GROUP);
  return [...groups].flatMap(([group, members]) => {
    const chunks = Array.from({ length: Math.ceil(members.length / SUBMISSION_MEMBERS_LIMIT) }, (_, i) =>
      members.slice(i * SUBMISSION_MEMBERS_LIMIT, (i + 1) * SUBMISSION_MEMBERS_LIMIT).map(({ id }) => id),
    );
    return chunks.map((ids) => newSubmission(fleet, group, ids, nowMs));
  });
}

export function newSubmission(
  fleet: string,
  group: string,
  members: string[],
  nowMs: number,
  redrives = 0,
): SubmissionRecord {
  const id = `sub_${hashOf(fleet, group, members, redrives)}`;
  return {
    v: 1,
    fleet,
    group,
    id,
    members,
    completed: [],
    failed: [],
    cancelled: [],
    void: [],
    adjust: NO_TOTALS,
    createdAtMs: nowMs,
  };
}
