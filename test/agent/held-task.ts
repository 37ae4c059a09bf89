import type { HeldTask } from "../../shared/contract/session.ts";
import type { Task } from "../../shared/contract/task.ts";

/** A running task in a session's hands. */
export function heldTask(over: Partial<Task> = {}, resume: HeldTask["resume"] = null): HeldTask {
  const task: Task = {
    id: "task_1",
    type: "test",
    priority: 5,
    state: "running",
    data: { n: 1 },
    group: null,
    dependsOn: [],
    key: null,
    requires: [],
    attempt: 1,
    maxAttempts: 3,
    sessionId: "host-1",
    progress: null,
    result: null,
    evidence: null,
    error: null,
    createdAt: "2030-01-01T00:00:00.000Z",
    startedAt: "2030-01-01T00:00:01.000Z",
    endedAt: null,
    ...over,
  };
  return { task, fence: 4, leaseExpiresMs: 0, resume, inputs: {} };
}
