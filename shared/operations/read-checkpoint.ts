import type { Checkpoint } from "../contract/checkpoint.ts";
import { type Refusal, refuse } from "../contract/errors.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";

const ABSENT = refuse("checkpoint.not_found", "There is no checkpoint, or it is kept no more.");

/** A session's latest checkpoint. */
export async function readLatestCheckpoint(
  { record }: Ports,
  fleet: string,
  session: string,
): Promise<{ checkpoint: Checkpoint } | Refusal> {
  const latest = await record.checkpoints.latest(fleet, session);
  if (!latest) return ABSENT;
  const json = await record.checkpoints.body(fleet, session, latest.body);
  if (json === null) return ABSENT;
  const { epoch, rev, trigger, task, atMs, bytes, signals } = latest;
  return {
    checkpoint: {
      ...{ sessionId: session, epoch, sequence: rev, trigger, taskId: task?.id ?? null },
      ...{ at: new Date(atMs).toISOString(), bytes, state: JSON.parse(json) as unknown, signals },
    },
  };
}

/**
 * The latest checkpoint of a task, whoever made it: for the session that holds the task now, and (without claims) for operators. To others
 * it does not exist.
 */
export async function readTaskCheckpoint(
  { record }: Ports,
  fleet: string,
  taskId: string,
  claims: SessionClaims | null,
): Promise<{ checkpoint: Checkpoint } | Refusal> {
  if (claims) {
    const holder = await record.sessions.get(fleet, claims.session);
    if (holder?.epoch !== claims.epoch || !(taskId in holder.held)) return ABSENT;
  }
  const latest = await record.checkpoints.ofTask.get(fleet, taskId);
  const json = latest && (await record.checkpoints.body(fleet, latest.session, latest.body));
  if (!latest || json === null) return ABSENT;
  const { session, epoch, sequence, trigger, atMs, bytes, signals } = latest;
  return {
    checkpoint: {
      ...{ sessionId: session, epoch, sequence, trigger, taskId },
      ...{ at: new Date(atMs).toISOString(), bytes, state: JSON.parse(json) as unknown, signals },
    },
  };
}
