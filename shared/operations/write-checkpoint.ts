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

/**
 * Younger ones are not released, whatever came after them: a function that was to let a task point to one may still be at it. Longer
 * than any function may take.
 */
const SETTLED_AFTER_MS = 120_000;

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
  const forbidden = await refuseWriter(ports, claims, request, Buffer.byteLength(json));
  if (forbidden) return forbidden;
  const { taskId, fence, signals } = request;
  const task = taskId === undefined || fence === undefined ? null : { id: taskId, fence };
  const before = task && (await ports.record.checkpoints.ofTask.get(fleet, task.id));
  const { ref, bytes } = await ports.record.checkpoints.putBody(fleet, session, json);
  const written = await replaceNewest(ports, fleet, session, {
    ...{ v: 1, rev: 0, fleet, session, epoch: claims.epoch, trigger: request.trigger, task },
    ...{ first: task !== null && before === null, body: ref, bytes },
    // An agent may send what it likes: this must fit an item.
    signals: signals ? keptSignals(signals) : null,
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

/** Why this session may not write it: something is missing or too large, it was replaced, or the task is not its. */
async function refuseWriter(
  { record }: Ports,
  claims: SessionClaims,
  { taskId, fence }: CheckpointRequest,
  bytes: number,
): Promise<Refusal | null> {
  const { fleet } = claims;
  const session = await record.sessions.get(fleet, claims.session);
  if (!session) return refuse("session.not_found", `There is no session ${claims.session} in this fleet.`);
  const task = taskId === undefined ? null : await record.tasks.get(fleet, taskId);
  if (taskId !== undefined && !task)
    return refuse("task.not_found", `There is no task ${taskId} in this fleet.`);
  if ((taskId === undefined) !== (fence === undefined))
    return refuse(
      "request.invalid",
      "taskId and fence go together: a checkpoint is of one tenure of a task.",
    );
  if (bytes > CHECKPOINT_BYTES_LIMIT)
    return refuse(
      "checkpoint.too_large",
      `The state is ${bytes} bytes as JSON; the limit is ${CHECKPOINT_BYTES_LIMIT}.`,
    );
  const superseded = refuseEpoch(session, claims.epoch);
  if (superseded) return superseded.refusal;
  if (!task) return null;
  return isOwnedBy(task, claims.session, claims.epoch) && task.state === "running" && task.fence === fence
    ? null
    : refuse("lease.stale", `Session ${session.id} does not hold task ${task.id} with this fencing token.`);
}

/**
 * The newest is filed before it is replaced: then none is ever missing between two. One of a later start is not replaced: a function
 * that was held up speaks for a start that is over.
 */
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
    (current) =>
      current && current.epoch > next.epoch
        ? refused("session.superseded", `Session ${session} was started again since this token was made.`)
        : commit({ ...next, ofStart: ofStart(current, next) }),
  );
  if (isRefusal(replaced)) return replaced;
  if (!replaced.document) throw new Error(`The checkpoint of session ${session} was not written.`);
  return replaced.document;
}

/** How many its start has written with this one; unknown if those before it were not counted. */
function ofStart(newest: CheckpointRecord | null, { epoch }: CheckpointRecord): number | undefined {
  if (newest?.epoch !== epoch) return 1;
  return newest.ofStart === undefined ? undefined : newest.ofStart + 1;
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
    (current) => {
      if (isLater(current)) return UNCHANGED;
      return commit({ ...next, first: current?.first ?? { session, sequence: rev } });
    },
  );
  return isRefusal(pointed) ? pointed : null;
}

/**
 * Lets go of the one that is not among the last any more, unless it is the first or the last of its task; and of the one that was the last of
 * this task until now, if it is older than that.
 */
async function releaseOld(
  { record }: Ports,
  { fleet, session, rev, atMs }: CheckpointRecord,
  before: TaskCheckpointRecord | null,
): Promise<void> {
  const out = rev - CHECKPOINTS_KEPT;
  const passed = before?.session === session && before.sequence < out ? [before.sequence] : [];
  for (const sequence of [...passed, ...(out > 0 ? [out] : [])]) {
    const old = await record.checkpoints.filed(fleet, session, sequence);
    if (!old || old.first || old.atMs > atMs - SETTLED_AFTER_MS) continue;
    const pointer = old.task && (await record.checkpoints.ofTask.get(fleet, old.task.id));
    const isIt = (one: { readonly session: string; readonly sequence: number } | null | undefined) =>
      one?.session === session && one.sequence === sequence;
    if (!isIt(pointer) && !isIt(pointer?.first)) await record.checkpoints.release(old);
  }
}
