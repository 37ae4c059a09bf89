import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { createFleet } from "../agent/fleet.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { agentEnvironment, linesOf, scratchRepository } from "./agent-host.ts";
import type { Conversation } from "./conversation.ts";
import { installClis } from "./install-clis.ts";
import { type Scripted, startScriptedModel } from "./scripted-model.ts";

const CLI = path.resolve(import.meta.dirname, "../../agent/cli.ts");
const cloud = useEmbeddedCloud();
const clis = await installClis();

/** What a tool of ours answered last, of this name. */
function answerOf({ turns }: Conversation, tool: string): string | null {
  const calls = turns.flatMap(({ toolCalls }) =>
    toolCalls.filter(({ name }) => name === `mcp__shim__${tool}`),
  );
  const results = turns.flatMap(({ toolResults }) => toolResults);
  return results.find(({ id }) => id === calls.at(-1)?.id)?.text ?? null;
}

const use = (tool: string, input: object): Scripted => ({ tool: { name: `mcp__shim__${tool}`, input } });

/** Works on one task by the tools alone, as a model does: each call by what the one before answered. */
function worksByTools(log: string) {
  return (conversation: Conversation): Scripted => {
    const answered = (tool: string) => answerOf(conversation, tool);
    if (answered("register") === null) return use("register", {});
    const claimed = answered("claim_task");
    if (claimed === null) return use("claim_task", {});
    const [, taskId = ""] = /"taskId":\s*"([^"]+)"/.exec(claimed) ?? [];
    const fence = Number(/"fence":\s*(\d+)/.exec(claimed)?.[1]);
    const shell = `echo worked >> ${log}`;
    const ran = conversation.turns.some(({ toolCalls }) =>
      toolCalls.some(({ command }) => command === shell),
    );
    if (!ran) return { shell };
    if (answered("checkpoint") === null)
      return use("checkpoint", { taskId, fence, done: ["worked"], next: ["complete it"] });
    if (answered("complete_task") === null)
      return use("complete_task", { taskId, fence, result: { ok: true } });
    return answered("status") === null ? use("status", {}) : { text: "BACKLOG DONE" };
  };
}

test("after shim init, Claude Code as its user starts it is a session: supervised, and working by the tools of MCP", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const cwd = scratchRepository();
  const log = path.join(cwd, "log");
  const model = await startScriptedModel(worksByTools(log));
  onTestFinished(async ({ task }) => {
    if (task.result?.state === "fail")
      for (const { conversation } of model.requests.slice(-3))
        process.stderr.write(`${JSON.stringify(conversation.turns.slice(-4))}\n`);
    await model.close();
  });
  const env = { ...agentEnvironment(model), SHIM_URL: fleet.url, SHIM_KEY: fleet.key };
  const init = spawn(process.execPath, [CLI, "init", "claude", "--yes"], { cwd, env, stdio: "ignore" });
  expect((await once(init, "exit"))[0]).toBe(0);
  await fleet.submit({ id: "t", data: "work" });

  const args = [
    "-p",
    "Work on the backlog.",
    "--mcp-config",
    ".mcp.json",
    "--allowedTools",
    "Bash,mcp__shim",
  ];
  const agent = spawn(clis.claude, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const [out, errors] = await Promise.all([text(agent.stdout), text(agent.stderr)]);
  expect(out, errors).toContain("BACKLOG DONE");
  expect(await fleet.task("t")).toMatchObject({ state: "completed", attempt: 1, result: { ok: true } });
  expect(linesOf(log)).toEqual(["worked"]);
  // It took no tasks until it asked for one, which was a start of its own.
  expect(await fleet.sessions()).toMatchObject([{ agent: "claude-code", restarts: 1, currentTasks: 0 }]);
  const status = model.requests.map(({ conversation }) => answerOf(conversation, "status")).findLast(Boolean);
  expect(status).toContain('"tasks":[]');
  const settings = readFileSync(path.join(cwd, ".claude/settings.json"), "utf8");
  expect(settings).not.toContain(fleet.key);
});
