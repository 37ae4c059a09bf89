import type { CheckpointRequest, CheckpointWritten } from "../contract/checkpoint.ts";
import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import { CHECKPOINTS_KEPT, CHECKPOINT_BYTES_LIMIT } from "../contract/limits.ts";
import type { CheckpointRecord, TaskCheckpointRecord } from "../contract/records.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { refuseEpoch } from "../domain/session-transitions.ts";
import { isOwnedBy } from "../domain/task-transitions.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";
import { changeOrCreate } from "./change.ts";

/**
 * Keeps a checkpoint of a session, and of the task that it holds. The state is kept first, then what was the newest is filed, then this
 * one takes its place, then the task points to it: wherever a function is killed, the latest is readable, and sequences rise.
 */
export async function writeCheckpoint(
  ports: Ports,
  claims: SessionClaims,
  request: CheckpointRequest,
): Promise<CheckpointWritten | Refusal> {
  const { fleet, session } = claims;
  const json = JSON.stringify(request.state ?? null);
  if (Buffer.byteLength(json) > CHECKPOINT_BYTES_LIMIT)
    return refuse("checkpoint.too_large", `The state is over ${CHECKPOINT_BYTES_LIMIT} bytes of JSON.`);
  const refused = await refuseWriter(ports, claims, request);
  if (refused) return refused;
  const { taskId, fence } = request;
  const task = taskId === undefined || fence === undefined ? null : { id: taskId, fence };
  const known = task && (await ports.record.checkpoints.ofTask.get(fleet, task.id));
  const { ref, bytes } = await ports.record.checkpoints.putBody(fleet, session, json);
  const written = await replaceNewest(ports, fleet, session, {
    ...{ v: 1, rev: 0, fleet, session, epoch: claims.epoch, trigger: request.trigger, task },
    ...{ first: task !== null && known === null, body: ref, bytes, signals: request.signals ?? null },
    atMs: ports.clock.nowMs(),
  });
  if (isRefusal(written)) return written;
  if (task) {
    const pointed = await pointTask(ports, task, written);
    if (isRefusal(pointed)) return pointed;
  }
  await releaseOld(ports, written);
  return { sequence: written.rev, bytes };
}

/** Why this session may not write it: it was replaced, or the task is not its. */
async function refuseWriter(
  { record }: Ports,
  claims: SessionClaims,
  { taskId, fence }: CheckpointRequest,
): Promise<Refusal | null> {
  const { fleet } = claims;
  if ((taskId === undefined) !== (fence === undefined))
    return refuse(
      "request.invalid",
      "taskId and fence go together: a checkpoint is of one tenure of a task.",
    );
  const session = await record.sessions.get(fleet, claims.session);
  if (!session) return refuse("session.not_found", `There is no session ${claims.session} in this fleet.`);
  const superseded = refuseEpoch(session, claims.epoch);
  if (superseded) return superseded.refusal;
  if (taskId === undefined) return null;
  const task = await record.tasks.get(fleet, taskId);
  if (!task) return refuse("task.not_found", `There is no task ${taskId} in this fleet.`);
  return isOwnedBy(task, claims.session, claims.epoch) && task.state === "running" && task.fence === fence
    ? null
    : refuse("lease.stale", `Task ${taskId} is not held by this session with this fence.`);
}

/** The newest is filed before it is replaced: then none is ever missing between two. */
async function replaceNewest(
  { record }: Ports,
  fleet: string,
  session: string,
  next: CheckpointRecord,
): Promise<CheckpointRecord | Refusal> {
  const { latest, commit: write, file } = record.checkpoints;
  const replaced = await changeOrCreate(
    () => latest(fleet, session),
    async (previous, checkpoint) => {
      if (previous) await file(previous);
      return write(previous, checkpoint);
    },
    () => commit(next),
  );
  if (isRefusal(replaced)) return replaced;
  if (!replaced.document) throw new Error(`The checkpoint of session ${session} was not written.`);
  return replaced.document;
}

/** Moves the task's pointer, unless it is of a later tenure or of a later checkpoint by now. */
async function pointTask(
  { record }: Ports,
  task: { readonly id: string; readonly fence: number },
  { fleet, session, epoch, rev, trigger, body, bytes, signals, atMs }: CheckpointRecord,
): Promise<Refusal | null> {
  const { ofTask } = record.checkpoints;
  const next: TaskCheckpointRecord = {
    ...{ v: 1, rev: 0, fleet, task: task.id, fence: task.fence, session, epoch, sequence: rev },
    ...{ trigger, body, bytes, signals, atMs },
  };
  const isLater = (other: TaskCheckpointRecord | null) =>
    other !== null &&
    (other.fence > next.fence || (other.fence === next.fence && other.sequence >= next.sequence));
  const pointed = await changeOrCreate(
    () => ofTask.get(fleet, task.id),
    ofTask.commit,
    (current) => (isLater(current) ? UNCHANGED : commit(next)),
  );
  return isRefusal(pointed) ? pointed : null;
}

/** The one that is not among the last any more may go, unless it is the first or the last of its task. */
async function releaseOld({ record }: Ports, { fleet, session, rev }: CheckpointRecord): Promise<void> {
  const sequence = rev - CHECKPOINTS_KEPT;
  if (sequence < 1) return;
  const old = await record.checkpoints.filed(fleet, session, sequence);
  if (!old || old.first) return;
  const last = old.task && (await record.checkpoints.ofTask.get(fleet, old.task.id));
  if (last?.session === session && last.sequence === sequence) return;
  await record.checkpoints.release(old);
}
