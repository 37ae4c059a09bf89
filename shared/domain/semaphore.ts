import type { SemaphoreRecord } from "../contract/records.ts";
import { type Decision, UNCHANGED, commit } from "./decision.ts";

/** A session's hold on a task: what a permit is given for. */
export type Tenure = { readonly task: string; readonly session: string; readonly fence: number };

/** How many permits are given. */
export function permitsGiven(semaphore: SemaphoreRecord | null): number {
  const tasks = Object.values(semaphore?.permits ?? {});
  return tasks.reduce((sum, sessions) => sum + Object.keys(sessions).length, 0);
}

/** The tenures that have a permit. */
export function tenuresOf({ permits }: Pick<SemaphoreRecord, "permits">): Tenure[] {
  return Object.entries(permits).flatMap(([task, sessions]) =>
    Object.entries(sessions).map(([session, fence]) => ({ task, session, fence })),
  );
}

export function hasPermit(semaphore: SemaphoreRecord | null, { task, session, fence }: Tenure): boolean {
  return semaphore?.permits[task]?.[session] === fence;
}

/**
 * Gives a permit to a tenure; unchanged if it has one, or if all are given.
 *
 * @param from the session that waits with this task: it gives its permit up to this one, so for a moment both have
 *   one, and only one of them can come to own the task
 */
export function acquire(
  semaphore: SemaphoreRecord | null,
  place: Pick<SemaphoreRecord, "fleet" | "id">,
  tenure: Tenure,
  limit: number,
  from: string | null = null,
): Decision<SemaphoreRecord> {
  if (hasPermit(semaphore, tenure)) return UNCHANGED;
  const { task, session, fence } = tenure;
  const current = semaphore ?? { v: 1 as const, rev: 0, ...place, permits: {} };
  const ofTask = current.permits[task] ?? {};
  // A function that was slow asks for a hold that has ended: its permit would hide the one of the hold that followed.
  if ((ofTask[session] ?? 0) > fence) return UNCHANGED;
  // Of this session itself there is otherwise at most a permit of an earlier hold, which has ended.
  const replaces = session in ofTask || (from !== null && from in ofTask);
  if (!replaces && permitsGiven(semaphore) >= limit) return UNCHANGED;
  return commit({
    ...current,
    permits: { ...current.permits, [task]: { ...ofTask, [session]: fence } },
    lastSession: session,
  });
}

/** Takes a tenure's permit back; unchanged if it has none. */
export function release(semaphore: SemaphoreRecord | null, tenure: Tenure): Decision<SemaphoreRecord> {
  if (!semaphore || !hasPermit(semaphore, tenure)) return UNCHANGED;
  const { [tenure.task]: ofTask = {}, ...others } = semaphore.permits;
  const { [tenure.session]: _fence, ...sessions } = ofTask;
  const left = Object.keys(sessions).length > 0 ? { ...others, [tenure.task]: sessions } : others;
  return commit({ ...semaphore, permits: left });
}
