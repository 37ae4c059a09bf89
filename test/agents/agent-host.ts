import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { onTestFinished } from "vitest";
import type { Fleet } from "../fixtures/fleet-api.ts";
import { git, scratchDirectory } from "../fixtures/scratch.ts";
import { type WorkerProcess, startWorkerProcess } from "../fixtures/worker-process.ts";
import type { Clis } from "./install-clis.ts";
import type { ScriptedModel } from "./scripted-model.ts";

export type AgentName = "claude" | "codex";

/** What an agent needs to run unattended, also as root, and to ask nobody but the scripted model. */
export const FLAGS: Readonly<Record<AgentName, readonly string[]>> = {
  claude: ["--allowedTools", "Bash"],
  codex: ["-s", "danger-full-access"],
};

/** Variables of an agent whose home is empty and whose model is ours. */
export function agentEnvironment(model: ScriptedModel): NodeJS.ProcessEnv {
  const home = scratchDirectory();
  const codexHome = path.join(home, ".codex");
  mkdirSync(codexHome);
  writeFileSync(
    path.join(codexHome, "config.toml"),
    [
      'model = "scripted"',
      'model_provider = "scripted"',
      "[model_providers.scripted]",
      'name = "scripted"',
      `base_url = "${model.url}/v1"`,
      'wire_api = "responses"',
      'env_key = "SCRIPTED_KEY"',
      "request_max_retries = 10",
      "",
    ].join("\n"),
  );
  const { PATH, LANG } = process.env;
  return {
    ...{ PATH, LANG, HOME: home, CODEX_HOME: codexHome, SCRIPTED_KEY: "none" },
    ...{ ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: "none", DISABLE_TELEMETRY: "1" },
    ...{ CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", DISABLE_AUTOUPDATER: "1" },
    NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
  };
}

export type AgentHostStart = {
  readonly fleet: Fleet;
  readonly host: string;
  readonly agent: AgentName;
  readonly clis: Clis;
  readonly model: ScriptedModel;
  readonly cwd: string;
  readonly sessions?: number;
  readonly flags?: readonly string[];
  readonly agentFlags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
};

/** A real worker whose sessions are real agents. It is killed after the test, and tells what it logged if that failed. */
export function startAgentHost(start: AgentHostStart): WorkerProcess {
  const { fleet, host, agent, clis, model, cwd, sessions = 1, flags = [], agentFlags = [] } = start;
  const worker = startWorkerProcess({
    ...{ url: fleet.url, key: fleet.key, host, cwd },
    flags: ["--adapter", agent, "--sessions", String(sessions), ...flags],
    command: [clis[agent], ...FLAGS[agent], ...agentFlags],
    env: { ...agentEnvironment(model), ...start.env },
  });
  onTestFinished(async ({ task }) => {
    if (task.result?.state === "fail")
      process.stderr.write(`${host}:\n${worker.logged.map((line) => JSON.stringify(line)).join("\n")}\n`);
    worker.process.kill("SIGCONT");
    await worker.kill();
  });
  return worker;
}

/** A folder that is a repository with one commit. */
export function scratchRepository(): string {
  const dir = scratchDirectory();
  git(dir, "init", "--quiet");
  writeFileSync(path.join(dir, "README"), "scratch\n");
  git(dir, "add", ".");
  git(dir, "commit", "--quiet", "-m", "first");
  return dir;
}

/** Lines of a file; none if there is no such file. */
export function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8").trim().split("\n");
  } catch {
    return [];
  }
}

/** Pids of processes whose command line matches, by the words of `ps`. */
export function pidsOf(pattern: RegExp): number[] {
  const listed = execFileSync("ps", ["-A", "-o", "pid=,args="], { encoding: "utf8" });
  return listed
    .split("\n")
    .filter((line) => pattern.test(line))
    .map((line) => Number(line.trim().split(/\s+/)[0]));
}
