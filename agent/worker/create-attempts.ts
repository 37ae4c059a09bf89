import { tmpdir } from "node:os";
import { startHookServer } from "../hooks/hook-server.ts";
import { takeLeftIntents } from "../hooks/intent-log.ts";
import type { AgentApi } from "./agent-api.ts";
import { createCommandAdapter, type StartAttempt } from "./attempt.ts";
import type { AgentRuns, WorkerOptions } from "./supervisor.ts";
import type { Worktrees } from "./worktrees.ts";

/** How the sessions of a host start their attempts. */
export type Attempts = { of(session: string): StartAttempt; close(): Promise<void> };

export async function createAttempts(
  options: WorkerOptions,
  api: AgentApi,
  worktrees: Worktrees | null,
): Promise<Attempts> {
  const { runs, cwd, env, log } = options;
  if (runs.kind === "agent") return agentAttempts(options, runs, api, worktrees);
  const start = createCommandAdapter({
    command: runs.command,
    taskCommandsAllowed: runs.taskCommandsAllowed,
    cwd,
    env,
    worktrees,
    onOutput: (task, line) => {
      if (options.showOutput) log("|", { task, line });
    },
  });
  return { of: () => start, close: async () => undefined };
}

async function agentAttempts(
  { cwd, env, log, showOutput }: WorkerOptions,
  { adapter, program, whenOffline, feeds }: AgentRuns,
  api: AgentApi,
  worktrees: Worktrees | null,
): Promise<Attempts> {
  // What supervises agents is read by those who have some.
  const { createAgentAttempts } = await import("../supervise/agent-attempts.ts");
  const { createResumeTask } = await import("../supervise/resume-task.ts");
  const { superviseSession } = await import("../supervise/supervised-session.ts");
  const hookServer = await startHookServer((why) => {
    log("a hook could not be answered", { why });
  });
  const left = takeLeftIntents(tmpdir());
  const open: { close(): Promise<void> }[] = [];
  return {
    of(session) {
      const say = (what: string, task: string, fields: Record<string, string | number> = {}) => {
        log(what, { session, task, ...fields });
      };
      const supervised = superviseSession({
        session,
        adapter,
        program,
        hookServer,
        api,
        whenOffline,
        log,
        onOutput: (task, line) => {
          if (showOutput) log("|", { session, ...(task === null ? {} : { task }), line });
        },
      });
      const resumeTask = createResumeTask({ left, session, adapter, api, say });
      const attempts = createAgentAttempts({ supervised, resumeTask, cwd, env, worktrees, feeds, say });
      open.push(attempts);
      return attempts.start;
    },
    async close() {
      await Promise.all(open.map((attempts) => attempts.close()));
      await hookServer.close();
    },
  };
}
