import { demandsOf } from "./placement.ts";
import type { TaskIn } from "../contract/records.ts";

/**
 * Place of a ready task in its queue; lower goes first. One step of priority is worth `ageingStepMs` of waiting,
 * so that waiting always wins in bounded time.
 */
export function readyOrder(readyAtMs: number, priority: number, ageingStepMs: number): number {
  return readyAtMs + (priority - 1) * ageingStepMs;
}

export function serves(capabilities: readonly string[], requires: readonly string[]): boolean {
  return requires.every((required) => capabilities.includes(required));
}

/** A queued task as the ready queue names it. */
export function toReadyTask(
  task: TaskIn<"queued">,
  ageingStepMs: number,
): { taskId: string; requires: string[]; order: number } {
  return {
    taskId: task.id,
    requires: demandsOf(task),
    order: readyOrder(task.notBeforeMs, task.priority, ageingStepMs),
  };
}
