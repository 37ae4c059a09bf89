import type { ReadyTask } from "./work-queue.ts";

/**
 * Ready tasks that may not be handed out yet, by the barrier each waits at: a pause, or a semaphore without a permit.
 * A hint like all in Redis: the repair puts every ready task of the record where it belongs.
 */
export interface HeldBack {
  /** Of a task that is there only the later place counts. Each barrier keeps its first 10,000. 3 commands. */
  put(fleet: string, barrier: string, tasks: readonly ReadyTask[]): Promise<void>;
  /** The first in order. They stay until removed. 1 command. */
  first(fleet: string, barrier: string, limit: number): Promise<ReadyTask[]>;
  remove(fleet: string, barrier: string, tasks: readonly ReadyTask[]): Promise<void>;
}
