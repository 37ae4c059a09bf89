// Triggered by POST /v1/sessions/{id}/checkpoints, GET /v1/sessions/{id}/checkpoints/latest and GET /v1/sessions/{id}/resume.
// Runs write-checkpoint, read-checkpoint and brief-of.
import { API } from "../shared/contract/api.ts";
import { refuse } from "../shared/contract/errors.ts";
import { Id } from "../shared/contract/ids.ts";
import { briefOfSession } from "../shared/operations/brief-of.ts";
import { readLatestCheckpoint, readTaskCheckpoint } from "../shared/operations/read-checkpoint.ts";
import { writeCheckpoint } from "../shared/operations/write-checkpoint.ts";
import { type Things, serveById } from "./edge/by-id.ts";
import { createApp, toHandler } from "./edge/endpoint.ts";

const app = createApp();

const sessions: Things = {
  find: (ports, fleet, id) => ports.record.sessions.get(fleet, id),
  absent: refuse("session.not_found", "There is no such session in this fleet."),
};

serveById(app, API.writeCheckpoint, sessions, async (_id, { ports, caller, body }) =>
  caller.kind === "session"
    ? writeCheckpoint(ports, caller.claims, body)
    : refuse("scope.insufficient", "This takes a session's token."),
);
serveById(app, API.readCheckpoint, sessions, async (id, { ports, caller, fleet, query }) => {
  const task = query["taskId"];
  if (task === undefined) return readLatestCheckpoint(ports, fleet, id);
  if (!Id.safeParse(task).success) return refuse("request.invalid", "taskId must be a task's id.");
  return readTaskCheckpoint(ports, fleet, task, caller.kind === "session" ? caller.claims : null);
});
serveById(app, API.readResume, sessions, async (id, { ports, fleet }) => {
  const session = await ports.record.sessions.get(fleet, id);
  return session ? { resume: await briefOfSession(ports, session) } : sessions.absent;
});

export const handler = toHandler(app);
