// Triggered by POST and GET /v1/tasks and everything under /v1/tasks/{id}.
// Runs submit-tasks, list-tasks, view-task, settle-task, cancel-task and redrive-task.
import * as z from "zod/mini";
import { type Refusal, isRefusal, refuse } from "../shared/contract/errors.ts";
import { Id, Word } from "../shared/contract/ids.ts";
import {
  CompleteRequest,
  FailRequest,
  ProgressRequest,
  ReasonRequest,
  ReleaseRequest,
  TaskState,
  TaskSubmission,
} from "../shared/contract/task.ts";
import type { SessionClaims } from "../shared/domain/tokens.ts";
import { cancelTask } from "../shared/operations/cancel-task.ts";
import { listTasks } from "../shared/operations/list-tasks.ts";
import { redriveTask } from "../shared/operations/redrive-task.ts";
import { completeTask, failTask, releaseTask, reportProgress } from "../shared/operations/settle-task.ts";
import { submitTasks } from "../shared/operations/submit-tasks.ts";
import { getTask } from "../shared/operations/view-task.ts";
import type { Ports } from "../shared/ports/ports.ts";
import { openCursor, sealCursor } from "./edge/cursor.ts";
import { type Endpoint, createApp, route, toHandler } from "./edge/endpoint.ts";

const app = createApp();

route(app, "POST", "/v1/tasks", {
  who: { scopes: ["submit"] },
  body: z.union([TaskSubmission, z.array(TaskSubmission)]),
  creates: true,
  status: 202,
  run: async ({ ports, fleet, body, seed }) =>
    submitTasks(ports, fleet, Array.isArray(body) ? body : [body], seed),
});

const TaskQuery = z.object({
  state: z.optional(TaskState),
  group: z.optional(Word),
  cursor: z.optional(z.string()),
});

route(app, "GET", "/v1/tasks", {
  who: { scopes: ["submit", "operate", "agent"], session: "any" },
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

async function missing(
  ports: Ports,
  fleet: string,
  params: Readonly<Record<string, string>>,
): Promise<Refusal | null> {
  const id = Id.safeParse(params["id"]);
  const task = id.success ? await ports.record.tasks.get(fleet, id.data) : null;
  return task ? null : refuse("task.not_found", "There is no such task in this fleet.");
}

/** Routes under one task: an id that cannot exist is one that does not. */
function taskRoute<B = undefined>(method: "GET" | "POST", path: string, endpoint: Endpoint<B>): void {
  route(app, method, path, {
    ...endpoint,
    missing,
    run: async (request) =>
      Id.safeParse(request.params["id"]).success
        ? endpoint.run(request)
        : refuse("task.not_found", "There is no such task in this fleet."),
  });
}

taskRoute("GET", "/v1/tasks/:id", {
  who: { scopes: ["submit", "operate", "agent"], session: "any" },
  run: async ({ ports, fleet, params }) => {
    const task = await getTask(ports, fleet, params["id"] ?? "");
    return isRefusal(task) ? task : { task };
  },
});

/** Routes of a task's holder. */
function holderRoute<B>(
  path: string,
  body: z.ZodMiniType<B>,
  run: (ports: Ports, claims: SessionClaims, id: string, body: B) => Promise<object>,
): void {
  taskRoute("POST", path, {
    who: { session: "any" },
    body,
    run: async (request) =>
      request.caller.kind === "session"
        ? run(request.ports, request.caller.claims, request.params["id"] ?? "", request.body)
        : refuse("scope.insufficient", "This takes a session's token."),
  });
}

holderRoute("/v1/tasks/:id/progress", ProgressRequest, reportProgress);
holderRoute("/v1/tasks/:id/complete", CompleteRequest, completeTask);
holderRoute("/v1/tasks/:id/fail", FailRequest, failTask);
holderRoute("/v1/tasks/:id/release", ReleaseRequest, releaseTask);

taskRoute("POST", "/v1/tasks/:id/cancel", {
  who: { scopes: ["submit", "operate"] },
  body: ReasonRequest,
  optionalBody: true,
  run: async ({ ports, fleet, params, body }) =>
    cancelTask(ports, fleet, params["id"] ?? "", body.reason ?? null),
});

taskRoute("POST", "/v1/tasks/:id/redrive", {
  who: { scopes: ["submit", "operate"] },
  body: ReasonRequest,
  optionalBody: true,
  run: async ({ ports, fleet, params }) => redriveTask(ports, fleet, params["id"] ?? ""),
});

export const handler = toHandler(app);
