import * as z from "zod/mini";
import { isRefusal } from "../../shared/contract/errors.ts";
import { Fence, Id, Word } from "../../shared/contract/ids.ts";
import { TEXT_CHARACTERS_LIMIT } from "../../shared/contract/limits.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { completeTask, failTask } from "../../shared/operations/settle-task.ts";
import { heldView } from "./held-view.ts";
import { defineTool } from "./tool.ts";

const ON_REFUSAL =
  "A refusal lease.stale, task.cancelled or task.finished means that the task is not yours any more: stop working on it, publish " +
  "nothing of it, and call claim_task. A refusal session.superseded means: stop all work.";

export const claimTask = defineTool({
  name: "claim_task",
  title: "Get a task",
  description:
    "Gives you one task to work on, or null. Call it when you have nothing to do, and after you have settled a task that brought no " +
    "next one. Do what `prompt` says. Keep taskId and fence: every later call about the task needs both. If `resume` is not null, " +
    "somebody worked on it before you: read it first, repeat nothing that it says is done, and check the effects of tool calls whose " +
    "outcome is unknown before you repeat them. The task is yours until leaseExpiresAt, which beats extend. If task is null, nothing " +
    "is ready: end, or call again in half a minute. A refusal session.superseded or session.ended means: stop all work.",
  input: z.strictObject({}),
  readOnly: false,
  run: async ({ ports, claims }) => {
    const claimed = await claimTasks(ports, claims, 1);
    if (isRefusal(claimed)) return claimed;
    const [task] = claimed.tasks;
    return { task: task ? heldView(task) : null };
  },
});

export const completeTaskTool = defineTool({
  name: "complete_task",
  title: "Complete a task",
  description:
    "Ends a task as done, with its result (any JSON, at most 256 KiB) and, if you like, evidence (a commit, a URL). Call it once the " +
    "work is finished and checked, and publish what leaves the worktree only after it was accepted. The answer's `next` is your next " +
    "task, claimed already: begin with it; null means that nothing is ready. Repeating the same call is harmless. " +
    ON_REFUSAL,
  input: z.strictObject({
    taskId: Id,
    fence: Fence,
    result: z.unknown(),
    evidence: z.optional(z.unknown()),
  }),
  readOnly: false,
  run: async ({ ports, claims }, { taskId, fence, result, evidence }) => {
    const body = { fence, result: result ?? null, ...(evidence !== undefined && { evidence }) };
    const completed = await completeTask(ports, claims, taskId, body);
    if (isRefusal(completed)) return completed;
    const { task, next } = completed;
    return { taskId: task.id, state: task.state, next: next ? heldView(next) : null };
  },
});

export const failTaskTool = defineTool({
  name: "fail_task",
  title: "Give a task up",
  description:
    "Ends this attempt at a task without success. Call it when you cannot do the task; say in `message` what stopped you, for whoever " +
    "tries next. With retryable true (the default) it is tried again while attempts are left; say false if no attempt can succeed, for " +
    "instance because the task contradicts itself. Then call claim_task. " +
    ON_REFUSAL,
  input: z.strictObject({
    taskId: Id,
    fence: Fence,
    message: z.string().check(z.minLength(1), z.maxLength(TEXT_CHARACTERS_LIMIT)),
    code: z.optional(Word),
    retryable: z.optional(z.boolean()),
  }),
  readOnly: false,
  run: async ({ ports, claims }, { taskId, fence, message, code, retryable }) => {
    const error = { message, ...(code !== undefined && { code }) };
    const failed = await failTask(ports, claims, taskId, { fence, error, retryable });
    if (isRefusal(failed)) return failed;
    const { id, state, attempt, maxAttempts } = failed.task;
    return { taskId: id, state, attempt, maxAttempts };
  },
});
