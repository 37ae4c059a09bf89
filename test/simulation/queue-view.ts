import type { SessionRecord, TaskIn, TaskRecord } from "../../shared/contract/records.ts";
import type { ReadyTask, Take } from "../../shared/ports/work-queue.ts";
import type { Complain } from "./laws.ts";

/** Guarantee 17: a task outranks any matching task made ready so many ageing steps later. */
const OUTRANKING_STEPS = 4;
/** Whoever handed out the other task may have looked a moment before this one was queued. */
const SETTLED_MS = 5_000;
const AT_ONCE_MS = 3_000;

/** Which tasks wait in the ready queue, and since when, as the calls of it tell. */
export function createQueueView() {
  const since = new Map<string, number>();
  /** Who was passed over, when, and for whom: no harm is done if it is given out at the same time. */
  let passedOver: { readonly key: string; readonly atMs: number; readonly what: string }[] = [];

  return {
    saw(path: string, args: readonly unknown[], result: unknown, nowMs: number): void {
      const [fleet, second] = args as [string, unknown];
      if (path === "workQueue.add")
        for (const { taskId } of second as ReadyTask[])
          since.set(`${fleet}/${taskId}`, since.get(`${fleet}/${taskId}`) ?? nowMs);
      if (path === "workQueue.take" && result !== null) {
        const key = `${fleet}/${(result as ReadyTask).taskId}`;
        since.delete(key);
      }
      if (path === "workQueue.putBack") {
        since.set(`${fleet}/${(second as Take).taskId}`, nowMs);
      }
      if (path === "workQueue.remove") since.delete(`${fleet}/${(second as ReadyTask).taskId}`);
    },
    left: (key: string) => void since.delete(key),
    forget(): void {
      since.clear();
    },
    /** Whether this session was given its task before one that it should have been given long before. */
    checkTurn(
      given: TaskIn<"queued">,
      session: SessionRecord,
      tasks: ReadonlyMap<string, TaskRecord>,
      heldBack: () => (task: TaskRecord) => boolean,
      ageingStepMs: number,
      nowMs: number,
    ): void {
      for (const [key, sinceMs] of since) {
        const other = tasks.get(key);
        if (other?.state !== "queued" || other.fleet !== given.fleet || sinceMs > nowMs - SETTLED_MS)
          continue;
        if (!other.requires.every((word) => session.capabilities.includes(word))) continue;
        // One whose key or type is in others' hands is in the queue to be held back.
        if (other.notBeforeMs + OUTRANKING_STEPS * ageingStepMs < given.notBeforeMs && !heldBack()(other))
          passedOver.push({
            key,
            atMs: nowMs,
            what: `${session.id} was given ${given.id} though ${other.id} was ready long before`,
          });
      }
    },
    /** Complains of those that still wait. */
    checkPassedOver(tasks: ReadonlyMap<string, TaskRecord>, nowMs: number, complain: Complain): void {
      const due = passedOver.filter(({ atMs }) => atMs <= nowMs - AT_ONCE_MS);
      passedOver = passedOver.filter(({ atMs }) => atMs > nowMs - AT_ONCE_MS);
      for (const { key, what } of due) if (tasks.get(key)?.state === "queued") complain(17, what);
    },
  };
}
