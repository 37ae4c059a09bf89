import { BODY_BYTES_LIMIT } from "../../shared/contract/limits.ts";
import { type BadCase, admin, agent, host, root, worker } from "./bad-case.ts";

const path = "/v1/hooks/claude-code";
const stop = () => ({ hook_event_name: "Stop" });
const bad = (name: string, code: BadCase["code"], more: Partial<BadCase>): BadCase => ({
  ...{ name: `a hook: ${name}`, path, as: worker, code },
  ...more,
});

/** Hooks and messages of MCP that nobody sends, or that are none. */
export const BAD_HOOKS: readonly BadCase[] = [
  ...[path, "/mcp"].flatMap((to): BadCase[] => [
    { name: `${to} by nobody`, path: to, as: undefined, body: stop, code: "auth.missing" },
    { name: `${to} by an admin`, path: to, as: admin, body: stop, code: "scope.insufficient" },
    { name: `${to} by an agent's key`, path: to, as: agent, body: stop, code: "scope.insufficient" },
    { name: `${to} by a host`, path: to, as: host, body: stop, code: "scope.insufficient" },
    { name: `${to} by the root key`, path: to, as: root, body: stop, code: "scope.insufficient" },
    { name: `${to} with no JSON`, path: to, as: worker, body: "{", code: "body.not_json" },
    { name: `${to} with nothing`, path: to, as: worker, body: "", code: "body.not_json" },
    { name: `${to} with a text`, path: to, as: worker, body: '"Stop"', code: "request.invalid" },
    {
      ...{ name: `${to} of another type`, path: to, as: worker, body: stop },
      ...{ contentType: "text/plain", code: "content_type.unsupported" },
    },
    {
      ...{ name: `${to} that is too large`, path: to, as: worker },
      ...{ body: JSON.stringify({ x: "x".repeat(BODY_BYTES_LIMIT) }), code: "body.too_large" },
    },
  ]),
  bad("without its event", "request.invalid", { body: () => ({ tool_name: "Bash" }) }),
  bad("with an event that is no text", "request.invalid", { body: () => ({ hook_event_name: 7 }) }),
  bad("a list of them", "request.invalid", { body: () => [stop()] }),
  bad("of an unknown agent", "route.not_found", { path: "/v1/hooks/emacs", body: stop }),
  bad("of an unknown agent, and none", "route.not_found", { path: "/v1/hooks/emacs", body: () => [] }),
];
