/** A task that may be assigned: lower `order` goes first. */
export type ReadyTask = {
  readonly taskId: string;
  readonly requires: readonly string[];
  readonly order: number;
};

/** A ready task that was taken; `id` names this take of it. */
export type Take = ReadyTask & { readonly id: string };

/**
 * Ready tasks of each fleet, one queue per set of required capabilities. A hint like all in Redis: whoever
 * takes a task asks the record whether it is really ready.
 */
export interface WorkQueue {
  /**
   * Adds those that are not queued yet; of the others only the later place counts, for an entry may be left over from
   * an earlier wait. Each queue keeps its first 10,000.
   */
  add(fleet: string, tasks: readonly ReadyTask[]): Promise<void>;
  /** The first task of each non-empty queue. */
  heads(fleet: string): Promise<ReadyTask[]>;
  /**
   * Sets of requirements that tasks wait with, for whoever takes one: some may be empty, and one that is new may be
   * missing for five seconds. `heads` asks anew. An empty list is never an old one: nothing waits.
   */
  requirements(fleet: string): Promise<(readonly string[])[]>;
  /**
   * Takes the first task among the queues of these requirement sets, keeping it aside until it is settled, put back, or
   * `untilMs` has passed. Null when empty. A request that is repeated because its answer was lost may take another
   * task; the one it took first comes back when its time has passed.
   */
  take(
    fleet: string,
    requiring: readonly (readonly string[])[],
    requestId: string,
    untilMs: number,
  ): Promise<Take | null>;
  /** The taken task was assigned, or needs no assignment: it leaves the queue for good. */
  settle(fleet: string, take: Take): Promise<void>;
  /** The taken task goes back where it was. Nothing happens if it was settled or put back already. */
  putBack(fleet: string, take: Take): Promise<void>;
  /** Takes that were neither settled nor put back in time. */
  expired(nowMs: number, limit: number): Promise<{ readonly fleet: string; readonly take: Take }[]>;
  /** Removes a task that needs no assignment any more. */
  remove(fleet: string, task: Pick<ReadyTask, "taskId" | "requires">): Promise<void>;
  /** Fleets that have ready tasks, and some whose last was taken since their heads were asked for. */
  waitingFleets(): Promise<string[]>;
}
