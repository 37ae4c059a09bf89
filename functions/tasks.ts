// Triggered by everything under /v1/tasks and /v1/dead-letters.
// Runs submit-tasks, list-tasks, view-task, settle-task, cancel-task, cancel-group, redrive-task and dead-letters.
import * as z from "zod/mini";
import { API, type Route } from "../shared/contract/api.ts";
import { isRefusal, refuse } from "../shared/contract/errors.ts";
import { Word } from "../shared/contract/ids.ts";
import { TaskState } from "../shared/contract/task.ts";
import type { SessionClaims } from "../shared/domain/tokens.ts";
import { cancelGroup } from "../shared/operations/cancel-group.ts";
import { cancelTask } from "../shared/operations/cancel-task.ts";
import { listDeadLetters, redriveDeadLetters } from "../shared/operations/dead-letters.ts";
import { listTasks } from "../shared/operations/list-tasks.ts";
import { redriveTask } from "../shared/operations/redrive-task.ts";
import { completeTask, failTask, releaseTask, reportProgress } from "../shared/operations/settle-task.ts";
import { submitTasks } from "../shared/operations/submit-tasks.ts";
import { getTask, getTaskStory } from "../shared/operations/view-task.ts";
import type { Ports } from "../shared/ports/ports.ts";
import { tuningPorts } from "../shared/runtime/tuning-ports.ts";
import { type Things, serveById } from "./edge/by-id.ts";
import { openCursor, sealCursor } from "./edge/cursor.ts";
import { type BodyOf, createApp, serve, toHandler } from "./edge/endpoint.ts";
import { traceOf } from "./edge/trace.ts";

const app = createApp(tuningPorts);

serve(app, API.submitTasks, {
  run: async ({ ports, fleet, header, body, seed }) =>
    submitTasks(ports, fleet, Array.isArray(body) ? body : [body], seed, traceOf(header("traceparent"))),
});

const TaskQuery = z.object({
  state: z.optional(TaskState),
  group: z.optional(Word),
  cursor: z.optional(z.string()),
});

serve(app, API.listTasks, {
  run: async ({ ports, fleet, query }) => {
    const parsed = TaskQuery.safeParse(query);
    if (!parsed.success)
      return refuse("request.invalid", "state must be a task's state, and group a group's name.");
    const { state = null, group = null, cursor } = parsed.data;
    const from = openCursor(ports, cursor, "tasks", fleet, state, group);
    if (isRefusal(from)) return from;
    const page = await listTasks(ports, fleet, { group, states: state === null ? null : [state] }, from);
    return { tasks: page.tasks, cursor: sealCursor(ports, page.cursor, "tasks", fleet, state, group) };
  },
});

serve(app, API.cancelGroup, {
  run: async ({ ports, fleet, body }) => {
    const from = openCursor(ports, body.cursor ?? undefined, "cancel", fleet, body.group);
    if (isRefusal(from)) return from;
    const answer = await cancelGroup(ports, fleet, body, from);
    if (isRefusal(answer)) return answer;
    return { ...answer, cursor: sealCursor(ports, answer.cursor, "cancel", fleet, body.group) };
  },
});

const DeadLetterQuery = z.object({
  group: z.optional(Word),
  type: z.optional(Word),
  cursor: z.optional(z.string()),
});

serve(app, API.listDeadLetters, {
  run: async ({ ports, fleet, query }) => {
    const parsed = DeadLetterQuery.safeParse(query);
    if (!parsed.success) return refuse("request.invalid", "group and type must be names.");
    const { group = null, type = null, cursor } = parsed.data;
    const from = openCursor(ports, cursor, "dead-letters", fleet, group, type);
    if (isRefusal(from)) return from;
    const page = await listDeadLetters(ports, fleet, { group, type }, from);
    return { tasks: page.tasks, cursor: sealCursor(ports, page.cursor, "dead-letters", fleet, group, type) };
  },
});
serve(app, API.redriveDeadLetters, {
  run: async ({ ports, fleet, body }) => {
    const { group = null, type = null, cursor } = body;
    const from = openCursor(ports, cursor ?? undefined, "redrive", fleet, group, type);
    if (isRefusal(from)) return from;
    const answer = await redriveDeadLetters(ports, fleet, { group, type }, from);
    return { ...answer, cursor: sealCursor(ports, answer.cursor, "redrive", fleet, group, type) };
  },
});

const tasks: Things = {
  find: (ports, fleet, id) => ports.record.tasks.get(fleet, id),
  absent: refuse("task.not_found", "There is no such task in this fleet."),
};

/** Serves a route of a task's holder. */
function serveHolder<R extends Route>(
  route: R,
  run: (ports: Ports, claims: SessionClaims, id: string, body: BodyOf<R>) => Promise<object>,
): void {
  serveById(app, route, tasks, async (id, { ports, caller, body }) =>
    caller.kind === "session"
      ? run(ports, caller.claims, id, body)
      : refuse("scope.insufficient", "This takes a session's token."),
  );
}

serveById(app, API.getTask, tasks, async (id, { ports, fleet, query }) => {
  if (query["events"] === "1") return getTaskStory(ports, fleet, id);
  const task = await getTask(ports, fleet, id);
  return isRefusal(task) ? task : { task };
});
serveHolder(API.reportProgress, reportProgress);
serveHolder(API.completeTask, completeTask);
serveHolder(API.failTask, failTask);
serveHolder(API.releaseTask, releaseTask);
serveById(app, API.cancelTask, tasks, (id, { ports, fleet, body }) =>
  cancelTask(ports, fleet, id, body.reason ?? null),
);
serveById(app, API.redriveTask, tasks, (id, { ports, fleet }) => redriveTask(ports, fleet, id));

export const handler = toHandler(app);
