import type { CheckpointRequest, CheckpointWritten } from "../contract/checkpoint.ts";
import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import { CHECKPOINTS_KEPT, CHECKPOINT_BYTES_LIMIT } from "../contract/limits.ts";
import type { CheckpointRecord, TaskCheckpointRecord } from "../contract/records.ts";
import { UNCHANGED, commit, refused } from "../domain/decision.ts";
import { refuseEpoch } from "../domain/session-transitions.ts";
import { keptSignals } from "../domain/signals.ts";
import { isOwnedBy } from "../domain/task-transitions.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";
import { changeOrCreate } from "./change.ts";

type Tenure = NonNullable<CheckpointRecord["task"]>;

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
  const refused = await refuseWriter(ports, claims, request, json);
  if (refused) return refused;
  const { taskId, fence } = request;
  const task = taskId === undefined || fence === undefined ? null : { id: taskId, fence };
  const before = task && (await ports.record.checkpoints.ofTask.get(fleet, task.id));
  const { ref, bytes } = await ports.record.checkpoints.putBody(fleet, session, json);
  const written = await replaceNewest(ports, {
    ...{ v: 1, rev: 0, fleet, session, epoch: claims.epoch, trigger: request.trigger, task },
    ...{ first: task !== null && before === null, body: ref, bytes },
    signals: request.signals === undefined ? null : keptSignals(request.signals),
    atMs: ports.clock.nowMs(),
  });
  if (isRefusal(written)) return written;
  if (task) {
    const pointed = await pointTask(ports, task, written);
    if (isRefusal(pointed)) return pointed;
  }
  await releaseOld(ports, written, before);
  return { sequence: written.rev, bytes };
}

/** Why this session may not write it: 404, then 400 and 413, then 409. */
async function refuseWriter(
  { record }: Ports,
  { fleet, session: id, epoch }: SessionClaims,
  { taskId, fence }: CheckpointRequest,
  json: string,
): Promise<Refusal | null> {
  const [session, task] = await Promise.all([
    record.sessions.get(fleet, id),
    taskId === undefined ? null : record.tasks.get(fleet, taskId),
  ]);
  if (!session) return refuse("session.not_found", `There is no session ${id} in this fleet.`);
  if (taskId !== undefined && !task)
    return refuse("task.not_found", `There is no task ${taskId} in this fleet.`);
  if ((taskId === undefined) !== (fence === undefined))
    return refuse(
      "request.invalid",
      "taskId and fence go together: a checkpoint is of one tenure of a task.",
    );
  if (Buffer.byteLength(json) > CHECKPOINT_BYTES_LIMIT)
    return refuse("checkpoint.too_large", `The state is over ${CHECKPOINT_BYTES_LIMIT} bytes of JSON.`);
  const superseded = refuseEpoch(session, epoch);
  if (superseded) return superseded.refusal;
  const holds = !task || (task.state === "running" && isOwnedBy(task, id, epoch) && task.fence === fence);
  return holds ? null : refuse("lease.stale", `Task ${taskId} is not held by this session with this fence.`);
}

/**
 * The newest is filed before it is replaced: then none is ever missing between two. An older start of the session, which was let in before
 * the next one began, does not replace what that one wrote.
 */
async function replaceNewest({ record }: Ports, next: CheckpointRecord): Promise<CheckpointRecord | Refusal> {
  const { checkpoints } = record;
  const { fleet, session, epoch } = next;
  const replaced = await changeOrCreate(
    () => checkpoints.latest(fleet, session),
    async (previous, checkpoint) => {
      if (previous) await checkpoints.file(previous);
      return checkpoints.commit(previous, checkpoint);
    },
    (newest) =>
      newest && newest.epoch > epoch
        ? refused("session.superseded", `Session ${session} was started again since this token was made.`)
        : commit(next),
  );
  if (isRefusal(replaced)) return replaced;
  if (!replaced.document) throw new Error(`The checkpoint of session ${session} was not written.`);
  return replaced.document;
}

/** Moves the task's pointer, unless it is of a later tenure or of a later checkpoint by now. */
async function pointTask(
  { record }: Ports,
  task: Tenure,
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

/**
 * Lets go of the one that is not among the last any more, unless it is the first or the last of its task; and of the one that was the last of
 * this task until now, if it is older than that.
 */
async function releaseOld(
  { record }: Ports,
  { fleet, session, rev }: CheckpointRecord,
  before: TaskCheckpointRecord | null,
): Promise<void> {
  const { checkpoints } = record;
  const out = rev - CHECKPOINTS_KEPT;
  const passed = before?.session === session && before.sequence < out ? [before.sequence] : [];
  for (const sequence of [...passed, ...(out > 0 ? [out] : [])]) {
    const old = await checkpoints.filed(fleet, session, sequence);
    if (!old || old.first) continue;
    const last = old.task && (await checkpoints.ofTask.get(fleet, old.task.id));
    if (last?.session !== session || last.sequence !== sequence) await checkpoints.release(old);
  }
}
