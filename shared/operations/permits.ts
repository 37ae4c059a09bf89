import { isRefusal } from "../contract/errors.ts";
import type { Barrier, Needed } from "../domain/rules.ts";
import { type Tenure, acquire, hasPermit, release, tenuresOf } from "../domain/semaphore.ts";
import type { Ports } from "../ports/ports.ts";
import { changeOrCreate } from "./change.ts";
import { letThrough } from "./let-through.ts";

/**
 * Acquires what a tenure needs, after its session has reserved a place that names these semaphores. So every permit
 * is of a task that some session holds, and `held` remembers which to release.
 *
 * @param from the session whose waiting assignment this one takes over
 * @returns the semaphore that had none left, or null: then all are acquired. What was acquired before it is
 *   released with the place.
 */
export async function acquirePermits(
  ports: Ports,
  fleet: string,
  tenure: Tenure,
  needed: readonly Needed[],
  from: string | null = null,
): Promise<Barrier | null> {
  for (const { id, limit } of needed) {
    const result = await changeOrCreate(
      () => ports.record.semaphores.get(fleet, id),
      ports.record.semaphores.commit,
      (current) => acquire(current, { fleet, id }, tenure, limit, from),
    );
    if (isRefusal(result) || !hasPermit(result.document, tenure)) return id;
  }
  return null;
}

/**
 * Takes a tenure's permits back, and lets as many tasks through that waited for them.
 *
 * @returns whether none is left: false if others kept changing a semaphore. Then the place must stay, to remember it.
 */
export async function releasePermits(
  ports: Ports,
  fleet: string,
  tenure: Tenure,
  semaphores: readonly Barrier[],
): Promise<boolean> {
  for (const id of semaphores) {
    const result = await changeOrCreate(
      () => ports.record.semaphores.get(fleet, id),
      ports.record.semaphores.commit,
      (current) => release(current, tenure),
    );
    if (isRefusal(result)) return false;
    if (result.changed) await letThrough(ports, fleet, id, 1);
  }
  return true;
}

/**
 * Takes back the permits of tenures that no session holds any more. A function that was slow to acquire and then
 * died leaves one; since a place is reserved before and released after, a session that does not hold the task now
 * never comes to work on it by that permit.
 */
export async function verifyPermits(ports: Ports, fleet: string, id: Barrier): Promise<void> {
  const semaphore = await ports.record.semaphores.get(fleet, id);
  if (!semaphore) return;
  const tenures = tenuresOf(semaphore);
  const sessions = await ports.record.sessions.getMany(
    fleet,
    tenures.map(({ session }) => session),
  );
  const held = new Map(sessions.map((session) => [session.id, session.held]));
  for (const tenure of tenures)
    if (held.get(tenure.session)?.[tenure.task] !== tenure.fence)
      await releasePermits(ports, fleet, tenure, [id]);
}
