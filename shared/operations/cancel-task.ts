import { type Refusal, isRefusal } from "../contract/errors.ts";
import type { TaskRecord } from "../contract/records.ts";
import type { Task } from "../contract/task.ts";
import { mustStop } from "../domain/session-transitions.ts";
import { cancel, isEnded } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { type Changed, changeSession, changeTask } from "./change.ts";
import { runEndEffects } from "./run-end-effects.ts";
import { viewTask } from "./view-task.ts";

/**
 * Ends a task at once, whoever holds it. The holder is told to stop with its next beats, and keeps its place taken
 * until it says that it has.
 */
export async function cancelTask(
  ports: Ports,
  fleet: string,
  id: string,
  reason: string | null,
): Promise<{ task: Task } | Refusal> {
  const result = await endByCancel(ports, fleet, id, reason);
  if (isRefusal(result)) return result;
  const task = result.document;
  if (isEnded(task)) await runEndEffects(ports, task);
  return { task: await viewTask(ports, task) };
}

/** Ends a task and has its holder stop, without telling others. Whoever calls this runs the effects of the end. */
export async function endByCancel(
  ports: Ports,
  fleet: string,
  id: string,
  reason: string | null,
): Promise<Changed<TaskRecord> | Refusal> {
  const result = await changeTask(ports, fleet, id, (task) => cancel(task, reason, ports.clock.nowMs()));
  if (isRefusal(result)) return result;
  const task = result.document;
  if (task.state === "cancelled" && task.lastHolder)
    await stopHolder(ports, fleet, task.lastHolder.session, id, task.lastHolder.fence);
  return result;
}

/** Has a session stop a task it does not own any more, and the sweep see that it did. */
export async function stopHolder(
  ports: Ports,
  fleet: string,
  session: string,
  task: string,
  fence: number,
): Promise<void> {
  await changeSession(ports, fleet, session, (current) =>
    current.held[task] === fence ? mustStop(current, task, ports.clock.nowMs()) : { kind: "unchanged" },
  );
  await ports.agenda.put([{ kind: "settle", fleet, session }], ports.clock.nowMs());
}
