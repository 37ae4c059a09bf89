import { SUBMIT_TASKS_LIMIT } from "../shared/contract/limits.ts";
import { type Task, TasksAnswer } from "../shared/contract/task.ts";
import type { Http } from "./http.ts";
import { newId } from "./ids.ts";

/**
 * Submits any number of tasks, in order and in batches of 100. Each batch carries an Idempotency-Key, so that a
 * batch whose answer was lost is repeated without doubling a task. Throws at the first batch refused; those
 * before it stay submitted, and `onBatch` has seen them.
 */
export async function submitTasks(
  http: Http,
  key: string,
  tasks: readonly object[],
  onBatch: (accepted: readonly Task[]) => void = () => undefined,
): Promise<Task[]> {
  const accepted: Task[] = [];
  for (let start = 0; start < tasks.length; start += SUBMIT_TASKS_LIMIT) {
    const body = tasks.slice(start, start + SUBMIT_TASKS_LIMIT);
    const headers = { "idempotency-key": newId("submit") };
    const answer = await http({
      method: "POST",
      path: "/v1/tasks",
      answer: TasksAnswer,
      bearer: key,
      body,
      headers,
    });
    accepted.push(...answer.tasks);
    onBatch(answer.tasks);
  }
  return accepted;
}
