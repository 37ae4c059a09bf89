import { MAX_ATTEMPTS_DEFAULT, PRIORITY_DEFAULT, SUBMISSION_MEMBERS_LIMIT } from "../contract/limits.ts";
import type { PayloadRef, SubmissionRecord, TaskRecord } from "../contract/records.ts";
import type { TaskSubmission } from "../contract/task.ts";
import { hashOf } from "./canonical-json.ts";
import { edgesOf } from "./dependency-policy.ts";
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
    key,
    requires = [],
    affinity,
    maxAttempts = MAX_ATTEMPTS_DEFAULT,
    timeoutMs,
  } = submission;
  const dependsOn = edgesOf(submission).map((edge) => (edge.onFailure === "fail" ? edge.id : edge));
  return hashOf(type, priority, data, group, dependsOn, key, requires, affinity, maxAttempts, timeoutMs);
}

export function newTask(
  fleet: string,
  submission: IdentifiedSubmission,
  data: PayloadRef,
  place: TaskRecord["submission"],
  nowMs: number,
): TaskRecord {
  const edges = edgesOf(submission);
  const dependsOn = [...new Set(edges.map(({ id }) => id))];
  const unusual = edges.filter(({ onFailure }) => onFailure !== "fail");
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
    ...(unusual.length > 0 && {
      onFailure: Object.fromEntries(unusual.map(({ id, onFailure }) => [id, onFailure])),
    }),
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
 * How long repeating a submission finds the items that it filed before. Much shorter than the time after which a
 * member that does not exist is taken for one that never will.
 */
export const SUBMISSION_WINDOW_MS = 5 * 60_000;

/**
 * The items that will count these tasks, up to 25 of one group each. Their ids follow from their members and a
 * window of time, so that repeating a submission that was cut short finds the same items, unless so late that
 * they may have been given up.
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
    const window = Math.floor(nowMs / SUBMISSION_WINDOW_MS);
    return chunks.map((ids) => newSubmission(fleet, group, ids, { window }, nowMs));
  });
}

/** The item that counts a task anew after its n-th redrive, and takes back that it counted as failed. */
export function newRecount(
  task: Pick<TaskRecord, "fleet" | "group" | "id">,
  redrives: number,
  nowMs: number,
): SubmissionRecord {
  const recount = newSubmission(task.fleet, task.group ?? NO_GROUP, [task.id], { redrives }, nowMs);
  return { ...recount, adjust: { total: -1, completed: 0, failed: -1, cancelled: 0 } };
}

function newSubmission(
  fleet: string,
  group: string,
  members: string[],
  occasion: { window: number } | { redrives: number },
  nowMs: number,
): SubmissionRecord {
  const id = `sub_${hashOf(fleet, group, members, occasion)}`;
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
