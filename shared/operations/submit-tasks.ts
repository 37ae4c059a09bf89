import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import { SUBMIT_TASKS_LIMIT, TASK_DATA_BYTES_LIMIT } from "../contract/limits.ts";
import type { SubmissionRecord, TaskRecord } from "../contract/records.ts";
import type { Task, TaskSubmission } from "../contract/task.ts";
import { hashOf } from "../domain/canonical-json.ts";
import { inDependencyOrder } from "../domain/dependencies.ts";
import { edgesOf, findAmbiguous } from "../domain/dependency-policy.ts";
import { type IdentifiedSubmission, newSubmissions, newTask, submissionHash } from "../domain/new-task.ts";
import type { Ports } from "../ports/ports.ts";
import { announceReady } from "./announce-ready.ts";
import { commitTask } from "./commit-task.ts";
import { fleetOf } from "./fleet-of.ts";
import { linkDependencies } from "./link-dependencies.ts";
import { openGroup } from "./open-group.ts";
import { viewTask } from "./view-task.ts";

/**
 * Accepts up to 100 tasks. All checks come before the first write; then each write is idempotent and follows what
 * it needs, so that repeating a submission that was cut short completes it.
 *
 * @param seed what ids of tasks without one are derived from, so that a repeated request names the same tasks;
 *   null makes new ones
 * @param trace the submitter's own trace, by which it will look for what became of them
 */
export async function submitTasks(
  ports: Ports,
  fleet: string,
  submissions: readonly TaskSubmission[],
  seed: string | null,
  trace: string | null = null,
): Promise<{ tasks: Task[] } | Refusal> {
  const wanted = submissions.map((submission, i) => ({
    ...submission,
    id: submission.id ?? `task_${seed === null ? ports.chance.id() : hashOf(fleet, seed, i)}`,
  }));
  const shape = refuseShape(wanted);
  if (shape) return shape;
  const ordered = inDependencyOrder(
    wanted.map((task) => ({ id: task.id, dependsOn: dependenciesOf(task), task })),
  );
  if ("cycle" in ordered)
    return refuse("dependency.cycle", `These tasks depend on each other: ${ordered.cycle.join(" -> ")}.`);
  const known = await ports.record.tasks.getMany(fleet, [
    ...wanted.map(({ id }) => id),
    ...wanted.flatMap(dependenciesOf),
  ]);
  const byId = new Map(known.map((task) => [task.id, task]));
  const misfit = refuseAgainst(wanted, byId);
  if (misfit) return misfit;

  const { openTasksFull, openTasksQuota } = await fleetOf(ports, fleet);
  if (openTasksFull && wanted.some(({ id }) => !byId.has(id)))
    return refuse("quota.exceeded", `The fleet has its ${openTasksQuota} open tasks, by the last count.`);
  const nowMs = ports.clock.nowMs();
  const fresh = ordered.ordered.map(({ task }) => task).filter(({ id }) => !byId.has(id));
  const places = fresh.length === 0 ? [] : newPlaces(fleet, wanted, byId, nowMs);
  await fileSubmissions(ports, fleet, places);
  for (const submission of fresh) {
    const data = await ports.record.payloads.put(fleet, submission.id, "data", submission.data ?? null);
    const task = newTask(fleet, submission, data, placeOf(places, submission.id), nowMs);
    const created = await createTask(ports, trace === null ? task : { ...task, trace });
    if (isRefusal(created)) return created;
    byId.set(created.id, created);
  }
  const tasks: TaskRecord[] = [];
  for (const { id } of wanted) {
    const task = byId.get(id);
    if (task) tasks.push(task.state === "blocked" ? await linkDependencies(ports, task) : task);
  }
  await announceReady(ports, fleet, tasks);
  return { tasks: await Promise.all(tasks.map((task) => viewTask(ports, task))) };
}

function dependenciesOf(task: IdentifiedSubmission): string[] {
  return edgesOf(task).map(({ id }) => id);
}

function refuseShape(wanted: readonly IdentifiedSubmission[]): Refusal | null {
  if (wanted.length === 0) return refuse("request.invalid", "The submission names no task.");
  if (wanted.length > SUBMIT_TASKS_LIMIT)
    return refuse(
      "batch.too_large",
      `The submission has ${wanted.length} tasks; the limit is ${SUBMIT_TASKS_LIMIT}.`,
    );
  const ids = new Set<string>();
  for (const task of wanted) {
    const { id, data } = task;
    if (ids.has(id)) return refuse("batch.duplicate_id", `Two tasks of the submission have the id ${id}.`);
    ids.add(id);
    const ambiguous = findAmbiguous(edgesOf(task));
    if (ambiguous !== null)
      return refuse(
        "dependency.ambiguous",
        `Task ${id} names its dependency ${ambiguous} with two policies.`,
      );
    const bytes = Buffer.byteLength(JSON.stringify(data ?? null));
    if (bytes > TASK_DATA_BYTES_LIMIT)
      return refuse(
        "data.too_large",
        `The data of task ${id} is ${bytes} bytes; the limit is ${TASK_DATA_BYTES_LIMIT}.`,
      );
  }
  return null;
}

function refuseAgainst(
  wanted: readonly IdentifiedSubmission[],
  byId: ReadonlyMap<string, TaskRecord>,
): Refusal | null {
  const ids = new Set(wanted.map(({ id }) => id));
  for (const task of wanted) {
    const { id } = task;
    const unknown = dependenciesOf(task).find((dependency) => !byId.has(dependency) && !ids.has(dependency));
    if (unknown)
      return refuse("dependency.unknown", `Task ${id} depends on ${unknown}, which does not exist.`);
  }
  for (const submission of wanted) {
    const existing = byId.get(submission.id);
    if (existing && existing.bodyHash !== submissionHash(submission))
      return refuse("task.exists", `A different task ${submission.id} exists.`);
  }
  return null;
}

/**
 * What will count the new tasks: the items of the whole submission if its other tasks are counted there too, for
 * then it was cut short; else items of the new tasks alone.
 */
function newPlaces(
  fleet: string,
  wanted: readonly IdentifiedSubmission[],
  byId: ReadonlyMap<string, TaskRecord>,
  nowMs: number,
): SubmissionRecord[] {
  const whole = newSubmissions(fleet, wanted, nowMs);
  const ids = new Set(whole.map(({ id }) => id));
  const cutShort = wanted.every(({ id }) => {
    const existing = byId.get(id);
    return !existing || ids.has(existing.submission.id);
  });
  if (cutShort) return whole;
  return newSubmissions(
    fleet,
    wanted.filter(({ id }) => !byId.has(id)),
    nowMs,
  );
}

/** Files what will count the new tasks, before the tasks: a task that exists is always counted somewhere. */
async function fileSubmissions(
  ports: Ports,
  fleet: string,
  submissions: readonly SubmissionRecord[],
): Promise<void> {
  for (const submission of submissions) await ports.record.submissions.add(submission);
  for (const group of new Set(submissions.map((submission) => submission.group)))
    await openGroup(ports, fleet, group);
}

function placeOf(submissions: readonly SubmissionRecord[], taskId: string): TaskRecord["submission"] {
  const submission = submissions.find(({ members }) => members.includes(taskId));
  if (!submission) throw new Error(`Task ${taskId} was filed nowhere.`);
  return { id: submission.id, index: submission.members.indexOf(taskId) };
}

/** Creates a task, or finds that the same was created meanwhile. */
async function createTask(ports: Ports, task: TaskRecord): Promise<TaskRecord | Refusal> {
  const created = await commitTask(ports, null, task);
  const existing = created ?? (await ports.record.tasks.get(task.fleet, task.id));
  if (existing?.bodyHash !== task.bodyHash)
    return refuse("task.exists", `A different task ${task.id} was submitted meanwhile.`);
  return existing;
}
