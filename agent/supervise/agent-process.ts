import type { AgentEvent } from "../adapters/agent-event.ts";
import type { AgentAdapter, HookDecision, HookEvent, OwnSession } from "../adapters/adapter.ts";
import type { HookRoute, HookServer } from "../hooks/hook-server.ts";
import { messageOf } from "../problem.ts";
import { type Child, type ChildExit, startChild } from "../worker/child.ts";
import { createTail } from "../worker/command-output.ts";
import { killLeftBehind, MARK, newMark } from "../worker/orphans.ts";
import { HOOK_COMMAND } from "./hook-command.ts";

/** What an agent is started with. */
export type AgentLaunch = {
  readonly prompt: string;
  /** Its own session, which it goes on with; null: a new one, with this id where it may choose. */
  readonly own: OwnSession | null;
  readonly sessionId: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly leaseUntilMs: number;
};

/** Whoever watches over a process: hears what it does, and decides what its hooks are answered. */
export type AgentWatcher = {
  hear(event: AgentEvent): void;
  /** A line, whatever it says. */
  output(line: string): void;
  readonly decide: (hook: HookEvent) => Promise<HookDecision>;
};

/** One running process of an agent, with its hooks. */
export type AgentProcess = {
  /** How it ended, and the last lines of its errors. Whatever it left running is dead by then. */
  readonly exited: Promise<{ readonly exit: ChildExit; readonly errors: string }>;
  extendLease(untilMs: number): void;
  kill(): void;
};

export type AgentProcessParts = {
  readonly adapter: AgentAdapter;
  readonly program: readonly [string, ...string[]];
  readonly hookServer: HookServer;
  readonly watcher: AgentWatcher;
  readonly onProblem: (what: string, why: string) => void;
  /** Hears by which mark the processes of now are known; null once there are none. */
  readonly onMark: (mark: string | null) => void;
};

/** Starts an agent without a terminal, in a group of its own, which dies with this process. */
export function startAgentProcess(parts: AgentProcessParts, launch: AgentLaunch): AgentProcess {
  const { adapter, program, watcher } = parts;
  const route = openRoute(parts);
  const hooks = { url: route.url, token: route.token, command: HOOK_COMMAND };
  const request = { prompt: launch.prompt, program, hooks, sessionId: launch.sessionId };
  const { command, env } = launch.own
    ? adapter.resume({ ...request, own: launch.own })
    : adapter.start(request);
  const mark = newMark();
  parts.onMark(mark);
  const errors = createTail();
  const child: Child = startChild({
    command,
    cwd: launch.cwd,
    env: {
      // What the adapter wants yields to what its user set.
      ...env,
      ...launch.env,
      [MARK]: mark,
      SHIM_HOOK_URL: route.url,
      SHIM_HOOK_TOKEN: route.token,
    },
    leaseUntilMs: launch.leaseUntilMs,
    onStdout: (line) => {
      watcher.output(line);
      for (const event of adapter.parseLine(line)) watcher.hear(event);
    },
    onStderr: (line) => {
      watcher.output(line);
      errors.add(line);
    },
  });
  const exited = child.exited.then((exit) => {
    route.close();
    parts.onMark(null);
    const left = killLeftBehind(mark);
    if (left > 0) parts.onProblem("killed what the agent left running", `${left} processes`);
    return { exit, errors: errors.text() };
  });
  return { exited, extendLease: child.extendLease, kill: child.kill };
}

/** Answers the hooks of one agent. What goes wrong must not hold it up, unless it asks whether a tool may run. */
export function openRoute({
  adapter,
  hookServer,
  watcher,
  onProblem,
}: Pick<AgentProcessParts, "adapter" | "hookServer" | "watcher" | "onProblem">): HookRoute {
  return hookServer.open(async (payload) => {
    const hook = adapter.parseHook(payload);
    if (hook === null) return {};
    try {
      return adapter.answerHook(hook, await watcher.decide(hook));
    } catch (error) {
      onProblem(`could not decide on the hook ${hook.name}`, messageOf(error));
      const reason = "The supervisor of this session failed to decide whether this may run. Try once more.";
      return adapter.answerHook(
        hook,
        hook.name === "PreToolUse" ? { kind: "deny", reason } : { kind: "pass" },
      );
    }
  });
}
