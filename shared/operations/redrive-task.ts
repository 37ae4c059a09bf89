import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import type { PayloadRef, TaskRecord } from "../contract/records.ts";
import type { Task } from "../contract/task.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { newRecount, NO_GROUP } from "../domain/new-task.ts";
import { isBroken } from "../domain/dependency-policy.ts";
import { isEnded, redrive } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { announceReady } from "./announce-ready.ts";
import { changeTask } from "./change.ts";
import { linkDependencies } from "./link-dependencies.ts";
import { fileRecount } from "./open-group.ts";
import { viewTask } from "./view-task.ts";

/** Returns a dead letter to work. */
export async function redriveTask(
  ports: Ports,
  fleet: string,
  id: string,
): Promise<{ task: Task } | Refusal> {
  const task = await redriveFailed(ports, fleet, id);
  if (isRefusal(task)) return task;
  await announceReady(ports, fleet, [task]);
  return { task: await viewTask(ports, task) };
}

/**
 * Makes a dead letter wait or be queued again; whoever calls this announces it. It is counted anew by a submission of
 * its own, which takes back that it counted as failed; so totals that were rolled up already stay right.
 *
 * The commit makes it another life; what comes before it is true of the old one too or is named by nothing yet, and the
 * recount is filed by whoever finds a redriven task without it.
 */
export async function redriveFailed(ports: Ports, fleet: string, id: string): Promise<TaskRecord | Refusal> {
  const before = await ports.record.tasks.get(fleet, id);
  if (!before) return refuse("task.not_found", `There is no task ${id} in this fleet.`);
  if (before.state !== "failed") return refuse("task.not_failed", `Task ${id} is ${before.state}.`);
  const dependencies = await ports.record.tasks.getMany(fleet, before.dependsOn);
  const broken = dependencies.find((dependency) => isBroken(before, dependency));
  if (broken) return refuse("dependency.failed", `Dependency ${broken.id} is ${broken.state}.`);

  const nowMs = ports.clock.nowMs();
  const group = before.group ?? NO_GROUP;
  const recount = newRecount(before, before.redrives + 1, nowMs);
  await ports.record.submissions.mark(fleet, group, before.submission.id, before.submission.index, "failed");
  const waitingOn = dependencies
    .filter((dependency) => !isEnded(dependency))
    .map((dependency) => dependency.id);
  const data = await lastingData(ports, before);
  const result = await changeTask(ports, fleet, id, (task) => {
    if (task.redrives > before.redrives) return UNCHANGED;
    const decision = redrive(task, { id: recount.id, index: 0 }, waitingOn, nowMs);
    return decision.kind === "commit" ? commit({ ...decision.next, data }) : decision;
  });
  if (isRefusal(result)) return result;
  await fileRecount(ports, result.document);
  return result.document.state === "blocked" ? linkDependencies(ports, result.document) : result.document;
}

/**
 * The data for another life of the task. What it ended with goes some time after that end, and a late effect of that end
 * may say so again at any moment: so the new life has a copy of its own.
 */
async function lastingData(
  { record }: Ports,
  { fleet, id, data, redrives }: TaskRecord,
): Promise<PayloadRef> {
  if (data.at === "inline") return data;
  const value = await record.payloads.get(fleet, id, data);
  return record.payloads.put(fleet, id, `data-${redrives + 1}`, value);
}
