// Triggered by POST /v1/sessions, /v1/sessions/{id}/end, /v1/sessions/{id}/claim and /v1/sessions/{id}/exposures.
// Runs register-session, end-session, claim-tasks and tell-exposures.
import { API } from "../shared/contract/api.ts";
import { isRefusal, refuse } from "../shared/contract/errors.ts";
import { claimTasks } from "../shared/operations/claim-tasks.ts";
import { endSession, refuseEnd } from "../shared/operations/end-session.ts";
import { registerSession } from "../shared/operations/register-session.ts";
import { tellExposures } from "../shared/operations/tell-exposures.ts";
import { tuningPorts } from "../shared/runtime/tuning-ports.ts";
import { readTokenOf } from "./edge/bearer.ts";
import { createApp, serve, toHandler } from "./edge/endpoint.ts";

const app = createApp(tuningPorts);

serve(app, API.registerSession, {
  run: async ({ ports, caller, fleet, header, body, seed }) => {
    if (caller.kind !== "key") return refuse("scope.insufficient", "Registration takes an API key.");
    const presented = header("shim-host-token");
    const old = presented === undefined ? null : readTokenOf(ports, presented);
    const hostToken = old !== null && !isRefusal(old) && old.kind === "host" ? old : null;
    return registerSession(
      ports,
      { fleet, keyId: caller.keyId, keyExpiresMs: caller.expiresMs, seed, hostToken },
      body,
    );
  },
});

serve(app, API.endSession, {
  missing: async ({ ports, caller, params }) =>
    caller.kind === "session" || caller.kind === "host"
      ? refuseEnd(ports, caller.claims, params["id"] ?? "")
      : null,
  run: async ({ ports, caller, params, body }) =>
    caller.kind === "session" || caller.kind === "host"
      ? endSession(ports, caller.claims, params["id"] ?? "", body)
      : refuse("scope.insufficient", "This takes a token."),
});

serve(app, API.claimTasks, {
  run: async ({ ports, caller, body }) =>
    caller.kind === "session"
      ? claimTasks(ports, caller.claims, body.max ?? 1)
      : refuse("scope.insufficient", "This takes a session's token."),
});

serve(app, API.tellExposures, {
  run: async ({ ports, caller, body }) =>
    caller.kind === "session"
      ? tellExposures(ports, caller.claims, body)
      : refuse("scope.insufficient", "This takes a session's token."),
});

export const handler = toHandler(app);
