// Triggered by every route that no other function answers: fleets, keys, sessions seen from outside, progress,
// load, rebalance, health, the OpenAPI document, and routes that are not built yet.
import * as z from "zod/mini";
import { isRefusal, refuse } from "../shared/contract/errors.ts";
import { FleetRequest, KeyRequest, RebalanceRequest } from "../shared/contract/fleet.ts";
import { Word } from "../shared/contract/ids.ts";
import { openApiDocument } from "../shared/contract/openapi.ts";
import { checkHealth } from "../shared/operations/check-health.ts";
import { drainSession, restartSession } from "../shared/operations/end-session.ts";
import { listLoad, listSessions } from "../shared/operations/list-sessions.ts";
import { createFleet, listFleets } from "../shared/operations/manage-fleets.ts";
import { createKey, listKeys, revokeKey } from "../shared/operations/manage-keys.ts";
import { rebalanceFleet, setAutoBalance } from "../shared/operations/rebalance-fleet.ts";
import { summariseProgress } from "../shared/operations/summarise-progress.ts";
import { getSession } from "../shared/operations/view-session.ts";
import { allPorts } from "../shared/runtime/all-ports.ts";
import { openCursor, sealCursor } from "./edge/cursor.ts";
import { createApp, route, toHandler } from "./edge/endpoint.ts";
import { NOT_IMPLEMENTED } from "./edge/not-implemented.ts";
import { problemAnswer } from "./edge/problem.ts";

const app = createApp();

route(app, "POST", "/v1/fleets", {
  who: { root: true },
  body: FleetRequest,
  creates: true,
  status: 201,
  run: ({ ports, body }) => createFleet(ports, body),
});
route(app, "GET", "/v1/fleets", { who: { root: true }, run: ({ ports }) => listFleets(ports) });

route(app, "POST", "/v1/keys", {
  who: { scopes: ["admin"], root: true },
  body: KeyRequest,
  creates: true,
  status: 201,
  run: ({ ports, fleet, body }) => createKey(ports, fleet, body),
});
route(app, "GET", "/v1/keys", {
  who: { scopes: ["admin"], root: true },
  run: ({ ports, fleet }) => listKeys(ports, fleet),
});
route(app, "DELETE", "/v1/keys/:id", {
  who: { scopes: ["admin"], root: true },
  run: ({ ports, fleet, params }) => revokeKey(ports, fleet, params["id"] ?? ""),
});

route(app, "GET", "/v1/sessions", {
  who: { scopes: ["operate"] },
  run: async ({ ports, fleet, query }) => {
    const from = openCursor(ports, query["cursor"], "sessions", fleet);
    if (isRefusal(from)) return from;
    const page = await listSessions(ports, fleet, from);
    return { sessions: page.sessions, cursor: sealCursor(ports, page.cursor, "sessions", fleet) };
  },
});
route(app, "GET", "/v1/sessions/:id", {
  who: { scopes: ["operate"] },
  run: ({ ports, fleet, params }) => getSession(ports, fleet, params["id"] ?? ""),
});
route(app, "POST", "/v1/sessions/:id/drain", {
  who: { scopes: ["operate"] },
  run: ({ ports, fleet, params }) => drainSession(ports, fleet, params["id"] ?? ""),
});
route(app, "POST", "/v1/sessions/:id/restart", {
  who: { scopes: ["operate"] },
  run: ({ ports, fleet, params }) => restartSession(ports, fleet, params["id"] ?? ""),
});

route(app, "POST", "/v1/rebalance", {
  who: { scopes: ["operate"] },
  body: RebalanceRequest,
  optionalBody: true,
  run: async ({ ports, fleet, body }) => {
    if (body.auto !== undefined) await setAutoBalance(ports, fleet, body.auto);
    return { moved: (await rebalanceFleet(ports, fleet)).moved };
  },
});

const ProgressQuery = z.object({ group: z.optional(Word), cursor: z.optional(z.string()) });

route(app, "GET", "/v1/progress", {
  who: { scopes: ["submit", "operate", "agent"], session: "any" },
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
route(app, "GET", "/v1/load", {
  who: { scopes: ["operate", "submit"] },
  run: ({ ports, fleet }) => listLoad(ports, fleet),
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
      "none",
    );
    return c.body(body, 501, headers);
  });
}

export const handler = toHandler(app);
