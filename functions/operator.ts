// Triggered by every route that no other function answers: fleets, keys, sessions and hosts seen from outside, messages,
// progress, load, rebalance, pauses, limits, retention, experiments, metrics, health, the OpenAPI document, and routes that are not built yet.
import * as z from "zod/mini";
import { API } from "../shared/contract/api.ts";
import { isRefusal, refuse } from "../shared/contract/errors.ts";
import { Instant, Word } from "../shared/contract/ids.ts";
import { openApiDocument } from "../shared/contract/openapi.ts";
import { acknowledgeMessages } from "../shared/operations/acknowledge-messages.ts";
import {
  approveExperiment,
  getExperiment,
  listExperiments,
  stopExperiment,
} from "../shared/operations/decide-experiment.ts";
import { checkHealth } from "../shared/operations/check-health.ts";
import { drainHost } from "../shared/operations/drain-host.ts";
import { drainSession, restartSession } from "../shared/operations/end-session.ts";
import { listLoad, listSessions } from "../shared/operations/list-sessions.ts";
import { listSignals } from "../shared/operations/list-signals.ts";
import { createFleet, listFleets } from "../shared/operations/manage-fleets.ts";
import { createKey, listKeys, revokeKey } from "../shared/operations/manage-keys.ts";
import { changeRetention, readRetention } from "../shared/operations/manage-retention.ts";
import { limitTasks, pauseTasks, readRules, resumeTasks } from "../shared/operations/manage-rules.ts";
import { changeTuning } from "../shared/operations/manage-tuning.ts";
import { rebalanceFleet, setBalancing } from "../shared/operations/rebalance-fleet.ts";
import { readMetrics } from "../shared/operations/read-metrics.ts";
import { type Reader, readMessages } from "../shared/operations/read-messages.ts";
import { sendMessage } from "../shared/operations/send-message.ts";
import { startExperiment } from "../shared/operations/start-experiment.ts";
import { summariseProgress } from "../shared/operations/summarise-progress.ts";
import { getSession } from "../shared/operations/view-session.ts";
import { allPorts } from "../shared/runtime/all-ports.ts";
import type { Caller } from "./edge/authenticate.ts";
import { type Things, serveById } from "./edge/by-id.ts";
import { openCursor, sealCursor } from "./edge/cursor.ts";
import { createApp, requestIdOf, serve, toHandler } from "./edge/endpoint.ts";
import { NOT_IMPLEMENTED } from "./edge/not-implemented.ts";
import { toPrometheus } from "./edge/prometheus.ts";
import { problemAnswer } from "./edge/problem.ts";

const app = createApp();

const keys: Things = {
  find: (ports, fleet, id) => ports.record.keys.get(fleet, id),
  absent: refuse("key.not_found", "There is no such API key in this fleet."),
};
const hosts: Things = {
  find: (ports, fleet, id) => ports.record.hosts.get(fleet, id),
  absent: refuse("host.not_found", "There is no such host in this fleet."),
};
const experiments: Things = {
  find: (ports, fleet, id) => ports.record.experiments.get(fleet, id),
  absent: refuse("experiment.not_found", "There is no such experiment in this fleet."),
};
const sessions: Things = {
  find: (ports, fleet, id) => ports.record.sessions.get(fleet, id),
  absent: refuse("session.not_found", "There is no such session in this fleet."),
};

serve(app, API.createFleet, { run: ({ ports, body, seed }) => createFleet(ports, body, seed) });
serve(app, API.listFleets, { run: ({ ports }) => listFleets(ports) });

serve(app, API.createKey, { run: ({ ports, fleet, body }) => createKey(ports, fleet, body) });
serve(app, API.listKeys, { run: ({ ports, fleet }) => listKeys(ports, fleet) });
serveById(app, API.revokeKey, keys, (id, { ports, fleet }) => revokeKey(ports, fleet, id));

serve(app, API.listSessions, {
  run: async ({ ports, fleet, query }) => {
    const from = openCursor(ports, query["cursor"], "sessions", fleet);
    if (isRefusal(from)) return from;
    const page = await listSessions(ports, fleet, from);
    return { sessions: page.sessions, cursor: sealCursor(ports, page.cursor, "sessions", fleet) };
  },
});
serveById(app, API.getSession, sessions, (id, { ports, fleet }) => getSession(ports, fleet, id));
const SignalsQuery = z.object({
  from: z.optional(Instant),
  to: z.optional(Instant),
  cursor: z.optional(z.string()),
});

serveById(app, API.listSignals, sessions, async (id, { ports, fleet, query }) => {
  const session = await ports.record.sessions.get(fleet, id);
  if (!session) return sessions.absent;
  const parsed = SignalsQuery.safeParse(query);
  if (!parsed.success)
    return refuse("request.invalid", "from and to must be times in UTC, as 2026-01-31T12:00:00Z.");
  const { from = null, to = null, cursor } = parsed.data;
  const place = openCursor(ports, cursor, "signals", fleet, id, from, to);
  if (isRefusal(place)) return place;
  const page = await listSignals(ports, session, { from, to }, place);
  return { ...page, cursor: sealCursor(ports, page.cursor, "signals", fleet, id, from, to) };
});
serveById(app, API.drainSession, sessions, (id, { ports, fleet }) => drainSession(ports, fleet, id));
serveById(app, API.drainHost, hosts, (id, { ports, fleet }) => drainHost(ports, fleet, id));
serveById(app, API.restartSession, sessions, (id, { ports, fleet }) => restartSession(ports, fleet, id));

serve(app, API.sendMessage, {
  run: ({ ports, caller, fleet, body, seed }) =>
    sendMessage(ports, { fleet, claims: caller.kind === "session" ? caller.claims : null, seed }, body),
});
serveById(app, API.readMessages, sessions, (id, { ports, caller, fleet, query }) =>
  readMessages(ports, readerOf(fleet, id, caller), query["cursor"] || null),
);
serveById(app, API.acknowledgeMessages, sessions, (id, { ports, caller, fleet, body }) =>
  acknowledgeMessages(ports, readerOf(fleet, id, caller), body.cursor),
);

function readerOf(fleet: string, session: string, caller: Caller): Reader {
  return { fleet, session, claims: caller.kind === "session" ? caller.claims : null };
}

serve(app, API.rebalance, {
  run: async ({ ports, fleet, body }) => {
    await setBalancing(ports, fleet, body);
    return { moved: (await rebalanceFleet(ports, fleet)).moved };
  },
});

serve(app, API.readRules, { run: ({ ports, fleet }) => readRules(ports, fleet) });
serve(app, API.pauseTasks, { run: ({ ports, fleet, body }) => pauseTasks(ports, fleet, body) });
serve(app, API.resumeTasks, { run: ({ ports, fleet, body }) => resumeTasks(ports, fleet, body) });
serve(app, API.limitTasks, { run: ({ ports, fleet, body }) => limitTasks(ports, fleet, body) });

serve(app, API.readRetention, { run: ({ ports, fleet }) => readRetention(ports, fleet) });
serve(app, API.changeRetention, { run: ({ ports, fleet, body }) => changeRetention(ports, fleet, body) });

serve(app, API.listExperiments, { run: ({ ports, fleet }) => listExperiments(ports, fleet) });
serve(app, API.startExperiment, { run: ({ ports, fleet, body }) => startExperiment(ports, fleet, body) });
serveById(app, API.getExperiment, experiments, (id, { ports, fleet }) => getExperiment(ports, fleet, id));
serveById(app, API.approveExperiment, experiments, (id, { ports, fleet }) =>
  approveExperiment(ports, fleet, id),
);
serveById(app, API.stopExperiment, experiments, (id, { ports, fleet, body }) =>
  stopExperiment(ports, fleet, id, body),
);
serve(app, API.changeTuning, { run: ({ ports, fleet, body }) => changeTuning(ports, fleet, body) });

const ProgressQuery = z.object({ group: z.optional(Word), cursor: z.optional(z.string()) });

serve(app, API.summariseProgress, {
  run: async ({ ports, fleet, query }) => {
    const parsed = ProgressQuery.safeParse(query);
    if (!parsed.success) return refuse("request.invalid", "group must be a group's name.");
    const { group = null, cursor } = parsed.data;
    const from = openCursor(ports, cursor, "progress", fleet, group);
    if (isRefusal(from)) return from;
    const summary = await summariseProgress(ports, fleet, group, from);
    return { ...summary, cursor: sealCursor(ports, summary.cursor, "progress", fleet, group) };
  },
});
serve(app, API.listLoad, { run: ({ ports, fleet }) => listLoad(ports, fleet) });

serve(app, API.readMetrics, {
  run: async ({ ports, fleet }) => ({ text: await toPrometheus(await readMetrics(ports, fleet), fleet) }),
});
app.get("/v1/health", async (c) => {
  const health = await checkHealth(allPorts());
  return c.json(health, health.ok ? 200 : 503);
});
app.get("/v1/openapi.json", (c) => c.json(openApiDocument()));

for (const [method, path] of NOT_IMPLEMENTED) {
  app.on(method, path, (c) => {
    const { headers, body } = problemAnswer(
      refuse("route.not_implemented", `${method} ${path} is not built yet.`),
      requestIdOf(c.env),
    );
    return c.body(body, 501, headers);
  });
}

export const handler = toHandler(app);
