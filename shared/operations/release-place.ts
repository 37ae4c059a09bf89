import { isRefusal } from "../contract/errors.ts";
import { UNCHANGED } from "../domain/decision.ts";
import { letGo, semaphoresOf } from "../domain/session-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { changeSession } from "./change.ts";
import { releasePermits } from "./permits.ts";

/**
 * Lets a session go of one tenure of a task: first of its permits, then of its place, which remembers them until they
 * are released. A task without permits costs one commit. If a semaphore is too busy to be changed, the place stays, and
 * settling the session lets go of it later.
 */
export async function releasePlace(
  ports: Ports,
  fleet: string,
  sessionId: string,
  taskId: string,
  fence: number,
): Promise<void> {
  const result = await changeSession(ports, fleet, sessionId, (session) =>
    semaphoresOf(session, taskId).length > 0 ? UNCHANGED : letGo(session, taskId, fence),
  );
  if (isRefusal(result) || result.document.held[taskId] !== fence) return;
  const tenure = { task: taskId, session: sessionId, fence };
  if (!(await releasePermits(ports, fleet, tenure, semaphoresOf(result.document, taskId)))) return;
  await changeSession(ports, fleet, sessionId, (session) => letGo(session, taskId, fence));
}
