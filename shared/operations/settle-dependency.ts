import { isRefusal } from "../contract/errors.ts";
import type { EndedTask, TaskRecord } from "../contract/records.ts";
import { UNCHANGED } from "../domain/decision.ts";
import { endDependency, settleBlocked } from "../domain/dependency-policy.ts";
import { isEnded } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { changeTask } from "./change.ts";

/**
 * Tells one dependent that a dependency ended. Completed is for ever, so many completers may strike themselves off
 * at once. A loss is one commit that decides what becomes of the dependent, so a kill leaves it told or not told;
 * once told it does not wait for the dependency any more, so telling it again changes nothing.
 *
 * @returns the dependent if that made it ready or ended it, else null
 */
export async function settleDependency(
  ports: Ports,
  fleet: string,
  dependent: string,
  dependency: EndedTask,
): Promise<TaskRecord | null> {
  const { tasks } = ports.record;
  if (dependency.state === "completed") {
    const struck = await tasks.strike(fleet, dependent, dependency.id);
    return struck ? settleUnblocked(ports, struck) : null;
  }
  const seen = await tasks.get(fleet, dependent);
  if (seen?.state !== "blocked" || !seen.waitingOn.includes(dependency.id)) return null;
  const end = await endThatStands(ports, dependency);
  if (!end) return null;
  if (end.state === "completed") return settleDependency(ports, fleet, dependent, end);
  // Unless the dependent was redriven since, it waited for this dependency when its end was read.
  const result = await changeTask(ports, fleet, dependent, (task) =>
    task.redrives === seen.redrives ? endDependency(task, end, ports.clock.nowMs()) : UNCHANGED,
  );
  if (isRefusal(result) || !result.changed || result.document.state === "blocked") return null;
  return result.document;
}

/**
 * A failed dependency may have been redriven since its end was read, and its dependent after it: then that end means
 * nothing to the dependent any more, and the next one will be told.
 */
async function endThatStands(ports: Ports, dependency: EndedTask): Promise<EndedTask | null> {
  if (dependency.state !== "failed") return dependency;
  const now = (await ports.record.tasks.get(dependency.fleet, dependency.id)) ?? dependency;
  return isEnded(now) ? now : null;
}

/**
 * Moves a blocked task on that has nothing left to wait for.
 *
 * @returns the task if that made it ready or ended it, else null
 */
export async function settleUnblocked(
  ports: Ports,
  { fleet, id, ...task }: TaskRecord,
): Promise<TaskRecord | null> {
  if (task.state !== "blocked" || task.waitingOn.length > 0) return null;
  const result = await changeTask(ports, fleet, id, (now) => settleBlocked(now, ports.clock.nowMs()));
  return isRefusal(result) || !result.changed ? null : result.document;
}
