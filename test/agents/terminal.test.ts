import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { HookEvent, OwnSession } from "../../agent/adapters/adapter.ts";
import { startHookServer } from "../../agent/hooks/hook-server.ts";
import { HOOK_COMMAND } from "../../agent/supervise/hook-command.ts";
import { eventually } from "../fixtures/eventually.ts";
import { scratchDirectory } from "../fixtures/scratch.ts";
import { type AgentName, agentEnvironment, FLAGS } from "./agent-host.ts";
import { installClis } from "./install-clis.ts";
import { adapterOf } from "./run-cli.ts";
import { startScriptedModel } from "./scripted-model.ts";

const clis = await installClis();

/** What each agent asks a new user, answered. */
const WELCOMED: Readonly<Record<AgentName, (home: string, cwd: string) => void>> = {
  claude: (home, cwd) => {
    const answers = {
      ...{ hasCompletedOnboarding: true, theme: "dark" },
      customApiKeyResponses: { approved: ["none"], rejected: [] },
      projects: { [cwd]: { hasTrustDialogAccepted: true } },
    };
    writeFileSync(path.join(home, ".claude.json"), JSON.stringify(answers));
  },
  codex: (home, cwd) => {
    const trust = `\n[projects.${JSON.stringify(cwd)}]\ntrust_level = "trusted"\n`;
    appendFileSync(path.join(home, ".codex", "config.toml"), trust);
  },
};
const UNATTENDED: Readonly<Record<AgentName, readonly string[]>> = { claude: [], codex: ["-a", "never"] };

/** Runs a command line with a terminal, which `script` makes: a group of its own there. Returns what kills it, and waits for its end. */
function startWithTerminal(command: readonly string[], cwd: string, env: NodeJS.ProcessEnv) {
  const pidFile = path.join(scratchDirectory(), "pid");
  const line = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const inTerminal = `stty cols 100 rows 30; echo $$ > ${pidFile}; exec ${line}`;
  const child = spawn("script", ["-qec", inTerminal, "/dev/null"], {
    ...{ cwd, env: { ...env, TERM: "xterm-256color" } },
    // Its input stays open, as a person's does.
    stdio: ["pipe", "ignore", "ignore"],
  });
  const exited = once(child, "exit");
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-Number(readFileSync(pidFile, "utf8")), "SIGKILL");
    await exited;
  };
  onTestFinished(kill);
  return kill;
}

test.each<AgentName>(["claude", "codex"])(
  "%s with a terminal has our hooks beside what its user wants, and goes on with its own session",
  async (agent) => {
    const model = await startScriptedModel(({ turns }) =>
      turns.at(-1)?.toolResults.length ? { text: "done" } : { shell: "touch ran" },
    );
    onTestFinished(model.close);
    const [cwd, env, adapter] = [scratchDirectory(), agentEnvironment(model), adapterOf(agent)];
    WELCOMED[agent](env.HOME ?? "", cwd);
    const server = await startHookServer((why) => process.stderr.write(`${why}\n`));
    onTestFinished(server.close);
    const program = [clis[agent], ...FLAGS[agent], ...UNATTENDED[agent], "--", "- do it"] as const;
    const run = async (own: OwnSession | null) => {
      const hooks: HookEvent[] = [];
      const route = server.open(async (payload) => {
        const hook = adapter.parseHook(payload);
        if (hook) hooks.push(hook);
        return {};
      });
      rmSync(path.join(cwd, "ran"), { force: true });
      const { command } = adapter.wrap(program, { ...route, command: HOOK_COMMAND }, own);
      const reached = { SHIM_HOOK_URL: route.url, SHIM_HOOK_TOKEN: route.token };
      const kill = startWithTerminal(command, cwd, { ...env, ...reached });
      await eventually("its turn ends", () => hooks.some(({ name }) => name === "Stop"));
      expect(existsSync(path.join(cwd, "ran"))).toBe(true);
      await kill();
      expect(hooks.map(({ name }) => name)).toEqual([
        ...["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop"],
      ]);
      const [{ sessionId, transcriptPath, events } = expect.fail()] = hooks;
      return { own: { sessionId: sessionId ?? "", transcriptPath }, events };
    };
    const first = await run(null);
    const second = await run(first.own);
    expect(second.own).toEqual(first.own);
    expect(second.events).toMatchObject([{ type: "session", source: "resume" }]);
  },
);
