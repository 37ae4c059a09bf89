import type { TaskRecord } from "../contract/records.ts";


/**
 * Place of a ready task in its queue; lower goes first. One step of priority is worth `ageingStepMs` of waiting,
 * so that waiting always wins in bounded time.
 */
export function readyOrder(readyAtMs: number, priority: number, ageingStepMs: number): number {
  return readyAtMs + (priority - 1) * ageingStepMs;
}

/** What a queued task can only run on, as capabilities: its own requirements and a required affinity. */
export function requirements(task: Pick<TaskRecord, "requires" | "affinity">): string[] {
  const { affinity } = task;
  const wanted = new Set(task.requires);
  if (affinity?.required && affinity.session) wanted.add(`session:${affinity.session}`);
  if (affinity?.required && affinity.host) wanted.add(`host:${affinity.host}`);
  return [...wanted].sort();
}

/** What a session can serve: its own capabilities, and being itself on its host. */
export function capabilitiesOf(session: { id: string; host: string; capabilities: readonly string[] }): string[] {
  return [...new Set([...session.capabilities, `session:${session.id}`, `host:${session.host}`])].sort();
}

export function serves(capabilities: readonly string[], requires: readonly string[]): boolean {
  return requires.every((required) => capabilities.includes(required));
}

export function toReadyTask(task: TaskRecord & { state: "queued" }, ageingStepMs: number): ReadyTask {
  return { taskId: task.id, requires: requirements(task), order: readyOrder(task.notBeforeMs, task.priority, ageingStepMs) };
}
