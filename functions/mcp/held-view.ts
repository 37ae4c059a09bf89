import type { HeldTask } from "../../shared/contract/session.ts";
import { promptOf } from "../../shared/contract/task-prompt.ts";

/** A task in a model's hands: what it is asked to do, and what it needs to settle it. */
export function heldView({ task, fence, leaseExpiresMs, resume, inputs }: HeldTask): object {
  const { id, type, attempt, maxAttempts } = task;
  return {
    ...{ taskId: id, fence, type, prompt: promptOf(task) },
    ...{ attempt, maxAttempts, leaseExpiresAt: new Date(leaseExpiresMs).toISOString() },
    ...(Object.keys(inputs).length > 0 && { inputs }),
    /** What whoever worked on it before left; null if nobody did. */
    resume: resume?.text ?? null,
  };
}
