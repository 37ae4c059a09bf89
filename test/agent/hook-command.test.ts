import { expect, test } from "vitest";
import { problem, serveReplies } from "./servers.ts";
import { runShim } from "./shim-command.ts";

const call = JSON.stringify({ hook_event_name: "PreToolUse", tool_name: "Bash", tool_use_id: "c1" });
const deny = { hookSpecificOutput: { hookEventName: "PreToolUse", permissionDecision: "deny" } };

test("a hook goes to the control plane with the session's token, and its answer is printed as it is", async () => {
  const { url, seen } = await serveReplies([{ status: 200, body: deny }]);
  const end = await runShim(["hook", "codex"], call, { SHIM_URL: url, SHIM_TOKEN: "token-1" });
  expect(end).toMatchObject({ code: 0, out: JSON.stringify(deny) });
  expect(seen).toMatchObject([
    { method: "POST", path: "/v1/hooks/codex", headers: { authorization: "Bearer token-1" }, body: call },
  ]);
});

test("an answer that says nothing prints nothing: some agents show their model whatever is printed", async () => {
  const { url } = await serveReplies([{ status: 200, body: {} }]);
  const end = await runShim(["hook", "claude-code"], call, { SHIM_URL: url, SHIM_TOKEN: "token-1" });
  expect(end).toMatchObject({ code: 0, out: "", err: "" });
});

test("a refused hook fails loudly and without the token", async () => {
  const { url } = await serveReplies([problem(403, "scope.insufficient")]);
  const end = await runShim(["hook", "claude-code"], call, { SHIM_URL: url, SHIM_TOKEN: "token-1" });
  expect(end.code).not.toBe(0);
  expect(end.out).toBe("");
  expect(end.err).toContain("answered 403");
  expect(end.err).not.toContain("token-1");
});

test("one of an agent that has another supervisor, or none, says nothing and asks nobody", async () => {
  const { url, seen } = await serveReplies([{ status: 200, body: deny }]);
  for (const env of [
    { SHIM_URL: url },
    { SHIM_URL: url, SHIM_TOKEN: "t", SHIM_HOOK_URL: "http://127.0.0.1:1" },
  ])
    expect(await runShim(["hook", "claude-code"], call, env)).toMatchObject({ code: 0, out: "" });
  expect(seen).toEqual([]);
});
