import type { TaskIn, TaskRecord } from "../contract/records.ts";
import { isEnded } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { runEndEffects } from "./run-end-effects.ts";
import { settleDependency, settleUnblocked } from "./settle-dependency.ts";

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
    await settleDependency(ports, fleet, id, dependency);
    await ports.record.edges.close(fleet, dependency.id, [id]);
  }
  const now = (await ports.record.tasks.get(fleet, id)) ?? task;
  const settled = (await settleUnblocked(ports, now)) ?? now;
  if (isEnded(settled) && settled.effectsPending) await runEndEffects(ports, settled);
  return settled;
}
