// Triggered by POST /v1/hooks/{client}: hooks of Claude Code and Codex, in their own words. Runs record-hook.
import { API } from "../shared/contract/api.ts";
import { refuse } from "../shared/contract/errors.ts";
import { HookClient } from "../shared/contract/hook.ts";
import { observeHook, recordHook } from "../shared/operations/record-hook.ts";
import { createApp, serve, toHandler } from "./edge/endpoint.ts";

const app = createApp();

const isClient = (name: string | undefined) => HookClient.safeParse(name).success;
const unknownClient = refuse(
  "route.not_found",
  `There are hooks of ${HookClient.options.join(" and ")}, and of no other.`,
);

serve(app, API.recordHook, {
  missing: async ({ params }) => (isClient(params["client"]) ? null : unknownClient),
  run: async ({ ports, caller, params, query, body }) => {
    if (!isClient(params["client"])) return unknownClient;
    if (caller.kind !== "session") return refuse("scope.insufficient", "This takes a session's token.");
    const act = query["observe"] === "1" ? observeHook : recordHook;
    return act(ports, caller.claims, body);
  },
});

export const handler = toHandler(app);
