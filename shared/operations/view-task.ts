import { type Refusal, refuse } from "../contract/errors.ts";
import type { TaskRecord } from "../contract/records.ts";
import type { Task, TaskStoryAnswer } from "../contract/task.ts";
import { correlationOf, eventsOf } from "../domain/task-events.ts";
import { taskView } from "../domain/views.ts";
import type { Ports } from "../ports/ports.ts";

/**
 * A task as answers show it: its head with its payloads and, while it runs, what its last beat said.
 *
 * @param reported whether a beat may have said something of this tenure
 */
export async function viewTask(
  ports: Ports,
  task: TaskRecord,
  { reported = true }: { readonly reported?: boolean } = {},
): Promise<Task> {
  const { payloads } = ports.record;
  const data = await payloads.get(task.fleet, task.id, task.data);
  if (task.state === "completed") {
    const result = await payloads.get(task.fleet, task.id, task.result);
    const evidence = task.evidence && (await payloads.get(task.fleet, task.id, task.evidence));
    return taskView(task, { data, result, evidence });
  }
  if (task.state !== "running" || !reported) return taskView(task, { data });
  const [report] = await ports.registry.reported(task.fleet, [task.owner.session]);
  const said = report?.epoch === task.owner.epoch ? report.tasks[task.id] : undefined;
  const fresher =
    said?.fence === task.fence && said.percent !== null
      ? { percent: said.percent, message: said.message }
      : null;
  return taskView(task, { data }, fresher);
}

/** One task by its id. */
export async function getTask(ports: Ports, fleet: string, id: string): Promise<Task | Refusal> {
  const task = await ports.record.tasks.get(fleet, id);
  return task ? viewTask(ports, task) : unknown(id);
}

/** One task and what happened to it. */
export async function getTaskStory(
  ports: Ports,
  fleet: string,
  id: string,
): Promise<TaskStoryAnswer | Refusal> {
  const task = await ports.record.tasks.get(fleet, id);
  if (!task) return unknown(id);
  return {
    task: await viewTask(ports, task),
    events: eventsOf(task),
    correlationId: correlationOf(task),
  };
}

const unknown = (id: string) => refuse("task.not_found", `There is no task ${id} in this fleet.`);
