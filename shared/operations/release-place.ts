import { isRefusal } from "../contract/errors.ts";
import type { SessionRecord } from "../contract/records.ts";
import { UNCHANGED } from "../domain/decision.ts";
import { letGo, semaphoresOf } from "../domain/session-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { changeSession } from "./change.ts";
import { releasePermits } from "./permits.ts";

/**
 * Lets a session go of one tenure of a task: first of its permits, then of its place, which remembers them until they
 * are released. A task without permits costs one commit. If a semaphore is too busy to be changed, the place stays, and
 * settling the session lets go of it later.
 *
 * @returns whether the session had it
 */
export async function releasePlace(
  ports: Ports,
  fleet: string,
  sessionId: string,
  taskId: string,
  fence: number,
): Promise<boolean> {
  const result = await changeSession(ports, fleet, sessionId, (session) =>
    semaphoresOf(session, taskId).length > 0 ? UNCHANGED : letGo(session, taskId, fence),
  );
  if (isRefusal(result)) return false;
  if (result.document.held[taskId] !== fence) return result.changed;
  const tenure = { task: taskId, session: sessionId, fence };
  if (await releasePermits(ports, fleet, tenure, semaphoresOf(result.document, taskId)))
    await changeSession(ports, fleet, sessionId, (session) => letGo(session, taskId, fence));
  return true;
}

/**
 * Takes back a place that came to nothing. If others let go of it meanwhile, they may have done so before its permits were
 * acquired, and nobody but who acquired them knows of them.
 *
 * @param reserved the session as it was when it had the place
 */
export async function undoPlace(ports: Ports, reserved: SessionRecord, taskId: string): Promise<void> {
  const { fleet, id, held } = reserved;
  const fence = held[taskId] ?? 0;
  if (await releasePlace(ports, fleet, id, taskId, fence)) return;
  await releasePermits(ports, fleet, { task: taskId, session: id, fence }, semaphoresOf(reserved, taskId));
}
