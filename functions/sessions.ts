// Triggered by POST /v1/sessions, /v1/sessions/{id}/end and /v1/sessions/{id}/claim.
// Runs register-session, end-session and claim-tasks.
import { isRefusal, refuse } from "../shared/contract/errors.ts";
import { ClaimRequest, EndRequest, RegisterRequest } from "../shared/contract/session.ts";
import { claimTasks } from "../shared/operations/claim-tasks.ts";
import { endSession } from "../shared/operations/end-session.ts";
import { registerSession } from "../shared/operations/register-session.ts";
import { readTokenOf } from "./edge/bearer.ts";
import { createApp, route, toHandler } from "./edge/endpoint.ts";

const app = createApp();

route(app, "POST", "/v1/sessions", {
  who: { scopes: ["agent"] },
  body: RegisterRequest,
  creates: true,
  status: 201,
  run: async ({ ports, caller, fleet, headers, body, seed }) => {
    if (caller.kind !== "key") return refuse("scope.insufficient", "Registration takes an API key.");
    const presented = headers("shim-host-token");
    const old = presented === undefined ? null : readTokenOf(ports, presented);
    const hostToken = old !== null && !isRefusal(old) && old.kind === "host" ? old : null;
    return registerSession(ports, { fleet, keyId: caller.keyId, seed, hostToken }, body);
  },
});

route(app, "POST", "/v1/sessions/:id/end", {
  who: { session: "own", host: true },
  body: EndRequest,
  run: async ({ ports, caller, params, body }) =>
    caller.kind === "session" || caller.kind === "host"
      ? endSession(ports, caller.claims, params["id"] ?? "", body)
      : refuse("scope.insufficient", "This takes a token."),
});

route(app, "POST", "/v1/sessions/:id/claim", {
  who: { session: "own" },
  body: ClaimRequest,
  optionalBody: true,
  run: async ({ ports, caller, body }) =>
    caller.kind === "session"
      ? claimTasks(ports, caller.claims, body.max ?? 1)
      : refuse("scope.insufficient", "This takes a session's token."),
});

export const handler = toHandler(app);
