// Triggered by POST /v1/sessions/{id}/checkpoints, GET /v1/sessions/{id}/checkpoints/latest and GET /v1/sessions/{id}/resume.
// Runs write-checkpoint, read-checkpoint and brief-of. A function of its own, because states of megabytes pass through it.
import { API } from "../shared/contract/api.ts";
import { refuse } from "../shared/contract/errors.ts";
import { Id } from "../shared/contract/ids.ts";
import { briefOfSession } from "../shared/operations/brief-of.ts";
import { readLatestCheckpoint, readTaskCheckpoint } from "../shared/operations/read-checkpoint.ts";
import { type Reader, refuseReader } from "../shared/operations/read-messages.ts";
import { writeCheckpoint } from "../shared/operations/write-checkpoint.ts";
import type { Caller } from "./edge/authenticate.ts";
import { type Things, serveById } from "./edge/by-id.ts";
import { createApp, toHandler } from "./edge/endpoint.ts";

const app = createApp();

const sessions: Things = {
  find: (ports, fleet, id) => ports.record.sessions.get(fleet, id),
  absent: refuse("session.not_found", "There is no such session in this fleet."),
};

function readerOf(fleet: string, session: string, caller: Caller): Reader {
  return { fleet, session, claims: caller.kind === "session" ? caller.claims : null };
}

serveById(app, API.writeCheckpoint, sessions, async (_id, { ports, caller, body }) =>
  caller.kind === "session"
    ? writeCheckpoint(ports, caller.claims, body)
    : refuse("scope.insufficient", "This takes a session's token."),
);

serveById(app, API.readCheckpoint, sessions, async (id, { ports, caller, fleet, query }) => {
  const reader = readerOf(fleet, id, caller);
  const asked = query["taskId"];
  if (asked === undefined) return readLatestCheckpoint(ports, reader);
  const taskId = Id.safeParse(asked);
  return taskId.success
    ? readTaskCheckpoint(ports, reader, taskId.data)
    : refuse("request.invalid", "taskId must be a task's id.");
});

serveById(app, API.readResume, sessions, async (id, { ports, caller, fleet }) => {
  const session = await ports.record.sessions.get(fleet, id);
  const refused = refuseReader(session, readerOf(fleet, id, caller));
  if (refused) return refused;
  return session ? { resume: await briefOfSession(ports, session) } : sessions.absent;
});

export const handler = toHandler(app);
