import { isRefusal } from "../contract/errors.ts";
import type { SessionRecord, TaskRecord } from "../contract/records.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { isEnded, isOwnedBy, requeue } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { announceReady } from "./announce-ready.ts";
import { releasePlace } from "./release-place.ts";
import { changeTask } from "./change.ts";
import { runEndEffects } from "./run-end-effects.ts";

/** Puts the assignments that a session has not started back into the queue. */
export async function returnWaiting(ports: Ports, session: SessionRecord): Promise<void> {
  const { fleet, id, epoch } = session;
  const loss = {
    cause: "moved",
    detail: `Session ${id} takes no more work.`,
    backoffBaseMs: 0,
    uniform: 0,
  } as const;
  const returned: TaskRecord[] = [];
  for (const [taskId, fence] of Object.entries(session.held)) {
    const result = await changeTask(ports, fleet, taskId, (task) =>
      task.state === "assigned" && isOwnedBy(task, id, epoch)
        ? commit(requeue(task, loss, ports.clock.nowMs()))
        : UNCHANGED,
    );
    if (isRefusal(result) || !result.changed) continue;
    if (isEnded(result.document)) await runEndEffects(ports, result.document);
    else returned.push(result.document);
    await releasePlace(ports, fleet, id, taskId, fence);
  }
  await announceReady(ports, fleet, returned);
}
