import type { OwnedTask, SessionRecord, TaskRecord } from "../contract/records.ts";
import { isAlive } from "./session-transitions.ts";
import { isOwnedBy } from "./task-transitions.ts";

/** What a session last reported, as far as its work is concerned. */
type WorkReport = {
  readonly listed?: boolean | undefined;
  readonly answeredAtMs?: number | undefined;
  readonly tasks: Readonly<Record<string, { readonly fence: number }>>;
};

/** What a session is known to work on. */
export type HeldWork = {
  readonly session: SessionRecord;
  /** The tasks it holds, by id. */
  readonly tasks: ReadonlyMap<string, TaskRecord>;
  /** Of its present epoch; null if there is none. */
  readonly report: WorkReport | null;
  /** What it started longer ago than this, and does not list, it has dropped. */
  readonly timeoutMs: number;
};

/** The task if the session owns what it holds. */
export function ownedWork({ session, tasks }: HeldWork, taskId: string, fence: number): OwnedTask | null {
  const task = tasks.get(taskId);
  return task && isOwnedBy(task, session.id, session.epoch) && task.fence === fence ? task : null;
}

/** Whether a session says what it works on, so that what it does not list it does not work on. */
export function listsItsWork({ session, report }: Pick<HeldWork, "session" | "report">): boolean {
  return report?.listed === true || session.lists === true;
}

/** Whether it was started long ago, and the session, which lists its work, does not list it. */
export function seemsDropped(work: HeldWork, task: OwnedTask, nowMs: number): boolean {
  const late = task.state === "running" && task.startedAtMs + work.timeoutMs < nowMs;
  return late && listsItsWork(work) && work.report?.tasks[task.id]?.fence !== task.fence;
}

/** Whether a live session holds just what it owns and works on, and nothing is asked of it or to be noted. */
export function isSettled(work: HeldWork, nowMs: number): boolean {
  const { session, report } = work;
  if (!isAlive(session)) return true;
  if ((session.askedAtMs ?? null) !== null) return false;
  if (report?.listed === true && session.lists !== true) return false;
  return Object.entries(session.held).every(([taskId, fence]) => {
    const task = ownedWork(work, taskId, fence);
    return task !== null && !seemsDropped(work, task, nowMs);
  });
}
