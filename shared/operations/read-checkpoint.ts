import type { Checkpoint } from "../contract/checkpoint.ts";
import { type Refusal, refuse } from "../contract/errors.ts";
import type { PayloadRef } from "../contract/records.ts";
import type { Ports } from "../ports/ports.ts";
import { type Reader, refuseReader } from "./read-messages.ts";

const ABSENT = refuse("checkpoint.not_found", "There is no checkpoint, or it is kept no more.");

/** A session's latest checkpoint, of whichever of its starts. */
export async function readLatestCheckpoint(
  ports: Ports,
  reader: Reader,
): Promise<{ checkpoint: Checkpoint } | Refusal> {
  const { fleet, session: id } = reader;
  const { sessions, checkpoints } = ports.record;
  const [session, latest] = await Promise.all([sessions.get(fleet, id), checkpoints.latest(fleet, id)]);
  const refused = refuseReader(session, reader);
  if (refused) return refused;
  return latest
    ? withState(ports, { ...latest, sequence: latest.rev, taskId: latest.task?.id ?? null })
    : ABSENT;
}

/**
 * The latest checkpoint of a task, whoever made it: for the session that holds the task now, and for operators. To others it does not
 * exist.
 */
export async function readTaskCheckpoint(
  ports: Ports,
  reader: Reader,
  taskId: string,
): Promise<{ checkpoint: Checkpoint } | Refusal> {
  const { fleet, session: id, claims } = reader;
  const session = await ports.record.sessions.get(fleet, id);
  const refused = refuseReader(session, reader);
  if (refused) return refused;
  if (claims && !(session && Object.hasOwn(session.held, taskId))) return ABSENT;
  const latest = await ports.record.checkpoints.ofTask.get(fleet, taskId);
  return latest ? withState(ports, { ...latest, taskId }) : ABSENT;
}

type Named = {
  readonly fleet: string;
  readonly session: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly trigger: string;
  readonly taskId: string | null;
  readonly atMs: number;
  readonly bytes: number;
  readonly body: PayloadRef;
  readonly signals: Checkpoint["signals"];
};

async function withState(
  { record }: Ports,
  { fleet, session, body, atMs, epoch, sequence, trigger, taskId, bytes, signals }: Named,
): Promise<{ checkpoint: Checkpoint } | Refusal> {
  const json = await record.checkpoints.body(fleet, session, body);
  if (json === null) return ABSENT;
  return {
    checkpoint: {
      ...{ sessionId: session, epoch, sequence, trigger, taskId, at: new Date(atMs).toISOString(), bytes },
      ...{ state: JSON.parse(json) as unknown, signals },
    },
  };
}
