import type { EventMetric } from "../contract/metrics.ts";
import type { TaskRecord } from "../contract/records.ts";
import { correlationOf, recoveredAfterMs } from "../domain/task-events.ts";
import { isOwned } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";

/**
 * Commits a task as `record.tasks.commit` does, and says so: every change of a task's state is logged here and nowhere
 * else, with the id that finds all of them.
 */
export async function commitTask(
  ports: Ports,
  previous: TaskRecord | null,
  next: TaskRecord,
): Promise<TaskRecord | null> {
  const written = await ports.record.tasks.commit(previous, next);
  if (!written || (previous?.state === written.state && previous.fence === written.fence)) return written;
  const { fleet, id, state, attempt, error, events } = written;
  const owned = isOwned(written) ? written : previous && isOwned(previous) ? previous : null;
  ports.log.info(`task ${state}`, {
    fleet,
    task: id,
    session: owned?.owner.session,
    attempt,
    reason: "endedAtMs" in written ? error?.code : events?.at(-1)?.c,
    correlationId: correlationOf(written),
  });
  await measure(ports, previous, written);
  return written;
}

async function measure({ metrics }: Ports, previous: TaskRecord | null, written: TaskRecord): Promise<void> {
  const { fleet } = written;
  const note = (metric: EventMetric, value: number) => metrics.note(fleet, metric, value);
  const recoveryMs = previous?.state === "running" ? null : recoveredAfterMs(written);
  if (recoveryMs !== null) await note("CrashRecoveryDuration", recoveryMs);
  if (written.state === "running" && previous && "notBeforeMs" in previous)
    await note("TaskWait", Math.max(0, written.startedAtMs - previous.notBeforeMs));
  if (written.state === "completed")
    await note("TaskDuration", written.endedAtMs - (written.startedAtMs ?? 0));
  if (written.state === "failed") await note("DeadLetters", 1);
  if (previous?.state === "assigned" && written.state === "assigned") await note("TasksMoved", 1);
}
