import type { TaskIn, TaskRecord } from "../contract/records.ts";
import { isRefusal } from "../contract/errors.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { isEnded, unblock } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { changeTask } from "./change.ts";
import { runEndEffects, settleDependency } from "./run-end-effects.ts";

/**
 * Ties a blocked task to what it waits for. The edge is written before the dependency is read, and whoever ends
 * the dependency reads the edges after its commit: so at least one of the two sees the other. Repeating it is
 * harmless, and is how a submission that was cut short is mended.
 */
export async function linkDependencies(ports: Ports, task: TaskIn<"blocked">): Promise<TaskRecord> {
  const { fleet, id, waitingOn } = task;
  for (const dependency of waitingOn) await ports.record.edges.add(fleet, dependency, id);
  for (const dependency of await ports.record.tasks.getMany(fleet, waitingOn)) {
    if (!isEnded(dependency)) continue;
    const settled = await settleDependency(ports, fleet, id, dependency);
    if (settled && isEnded(settled)) await runEndEffects(ports, settled);
  }
  const unblocked = await changeTask(ports, fleet, id, (now) =>
    now.state === "blocked" && now.waitingOn.length === 0
      ? commit(unblock(now, ports.clock.nowMs()))
      : UNCHANGED,
  );
  return isRefusal(unblocked) ? task : unblocked.document;
}
