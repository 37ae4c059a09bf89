import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import type { HookDecision, HookEvent, OwnSession } from "../../agent/adapters/adapter.ts";
import type { AgentEvent } from "../../agent/adapters/agent-event.ts";
import { findAdapter } from "../../agent/adapters/find-adapter.ts";
import { startHookServer } from "../../agent/hooks/hook-server.ts";
import { HOOK_COMMAND } from "../../agent/supervise/hook-command.ts";
import { FLAGS, type AgentName } from "./agent-host.ts";
import type { Clis } from "./install-clis.ts";

export type CliStart = {
  readonly agent: AgentName;
  readonly clis: Clis;
  /** Of `agentEnvironment`: whoever goes on with a session needs the home that it is in. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly prompt: string;
  readonly sessionId: string;
  /** The session to go on with; a new one without it. */
  readonly own?: OwnSession;
  readonly flags?: readonly string[];
  readonly decide?: (hook: HookEvent) => HookDecision;
};

/** One process of a real agent, started, read and answered by its adapter, without a supervisor. */
export type CliRun = {
  /** What it printed, as its adapter reads it. */
  readonly events: readonly AgentEvent[];
  readonly hooks: readonly HookEvent[];
  /** Its exit code; null if it was killed. Told once nothing of it can print any more. */
  readonly exited: Promise<{ readonly code: number | null; readonly errors: string }>;
  /** Kills it and what it started: some agents are a launcher, whose death the rest survives. */
  kill(): void;
};

const PASS: HookDecision = { kind: "pass" };

export function adapterOf(agent: AgentName) {
  const adapter = findAdapter(agent);
  if (adapter === null) throw new Error(`no adapter for ${agent}`);
  return adapter;
}

export async function runCli(start: CliStart): Promise<CliRun> {
  const { agent, clis, prompt, sessionId, own, flags = [], decide = () => PASS } = start;
  const adapter = adapterOf(agent);
  const hooks: HookEvent[] = [];
  const events: AgentEvent[] = [];
  const server = await startHookServer((why) => process.stderr.write(`hooks of ${agent}: ${why}\n`));
  onTestFinished(server.close);
  const route = server.open(async (payload) => {
    const hook = adapter.parseHook(payload);
    if (hook === null) throw new Error(`no hook: ${JSON.stringify(payload)}`);
    hooks.push(hook);
    return adapter.answerHook(hook, decide(hook));
  });
  const program = [clis[agent], ...FLAGS[agent], ...flags] as const;
  const request = { prompt, program, sessionId, hooks: { ...route, command: HOOK_COMMAND } };
  const { command, env } = own ? adapter.resume({ ...request, own }) : adapter.start(request);
  const [name, ...args] = command;
  const child = spawn(name, args, {
    cwd: start.cwd,
    env: { ...env, ...start.env, SHIM_HOOK_URL: route.url, SHIM_HOOK_TOKEN: route.token },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const kill = () => {
    killGroup(child.pid);
  };
  onTestFinished(kill);
  createInterface(child.stdout).on("line", (line) => events.push(...adapter.parseLine(line)));
  const errors = text(child.stderr);
  const exited = once(child, "close").then(async ([code]) => ({
    code: code as number | null,
    errors: await errors,
  }));
  return { events, hooks, exited, kill };
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}
