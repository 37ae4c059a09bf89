import { isRefusal } from "../contract/errors.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { isEnded, requeue } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { announceReady } from "./announce-ready.ts";
import { stopHolder } from "./cancel-task.ts";
import { changeTask } from "./change.ts";
import { backoffBaseOf, fleetOf } from "./fleet-of.ts";
import { notePerformance } from "./note-performance.ts";
import { runEndEffects } from "./run-end-effects.ts";

/** Takes a task that has run past its time limit from its owner, who must stop it: another attempt, or a dead letter. */
export async function timeoutTask(ports: Ports, fleet: string, id: string, fence: number): Promise<void> {
  const nowMs = ports.clock.nowMs();
  const settings = await fleetOf(ports, fleet);
  const holders: string[] = []; // Of the last decision, which is the one committed.
  const result = await changeTask(ports, fleet, id, (task) => {
    if (
      task.state !== "running" ||
      task.fence !== fence ||
      task.timeoutAtMs === null ||
      task.timeoutAtMs > nowMs
    )
      return UNCHANGED;
    holders.push(task.owner.session);
    const detail = `It ran longer than its limit of ${task.timeoutMs ?? 0} ms.`;
    const backoffBaseMs = backoffBaseOf(settings, task);
    return commit(
      requeue(task, { cause: "timeout", detail, backoffBaseMs, uniform: ports.chance.uniform() }, nowMs),
    );
  });
  const holder = holders.at(-1);
  if (isRefusal(result) || !result.changed || holder === undefined) return;
  ports.log.warn("task timed out", { fleet, task: id, session: holder });
  await stopHolder(ports, fleet, holder, id, fence);
  if (isEnded(result.document)) await runEndEffects(ports, result.document);
  else await announceReady(ports, fleet, [result.document]);
  await notePerformance(ports, result.document, holder, fence, false);
}
