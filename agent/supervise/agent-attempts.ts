import { randomUUID } from "node:crypto";
import type { HeldTask } from "../../shared/contract/session.ts";
import type { OwnSession } from "../adapters/adapter.ts";
import { messageOf } from "../problem.ts";
import { type Attempt, type AttemptEnd, explainExit, type StartAttempt } from "../worker/attempt.ts";
import type { Life } from "../worker/life.ts";
import type { Worktree, Worktrees } from "../worker/worktrees.ts";
import { type AgentProcess, startAgentProcess } from "./agent-process.ts";
import { promptAfterStall, promptForTask, refusePrompt } from "./prompts.ts";
import type { Resumed, ResumeTask } from "./resume-task.ts";
import { agentEnv, type SupervisedSession } from "./supervised-session.ts";

export type AgentAttemptsParts = {
  readonly supervised: SupervisedSession;
  readonly resumeTask: ResumeTask;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly worktrees: Worktrees | null;
  /** Whether one process may work through several tasks, as long as its context has room. */
  readonly feeds: boolean;
  readonly say: (what: string, task: string, fields?: Record<string, string | number>) => void;
};

/** How often an agent that shows no progress is started again within one attempt. */
const STALLS_LIMIT = 2;
const STALL_LOOK_MS = 2_000;
/** How long an agent that may end is held for the next task: its completion's answer mostly brings one. */
const HOLD_MS = 2_000;

type Exit = Awaited<AgentProcess["exited"]>;
/** What became of a process's work on a task. */
type WorkEnd =
  | { readonly kind: "said"; readonly text: string }
  | { readonly kind: "exited"; readonly exit: Exit }
  | { readonly kind: "stalled"; readonly why: string }
  /** The task was lost before a process was there for it. */
  | { readonly kind: "lost"; readonly why: string };

/** The process of a session's agent, over its tasks. */
export type AgentAttempts = { readonly start: StartAttempt; close(): Promise<void> };

/**
 * Runs tasks by a coding agent: an attempt is a task in an agent's hands until it says that it has nothing more to do. Where its
 * hooks allow it, the next task is fed to the process that is there.
 */
export function createAgentAttempts(parts: AgentAttemptsParts): AgentAttempts {
  const running: Running = { process: null };
  return {
    start: (held, life, onProgress) => {
      const aborted = new AbortController();
      const lost = () => (aborted.signal.aborted ? String(aborted.signal.reason) : null);
      const tenure = { held, life, lost };
      const cleanups: (() => Promise<void>)[] = [];
      const ended = work(parts, running, tenure, cleanups, () => {
        onProgress({ percent: 0, message: "started" });
      });
      return {
        ended: ended.catch((error: unknown): AttemptEnd => {
          const message = `The agent could not be run: ${messageOf(error)}`;
          return { kind: "failed", message, code: "worker.failed", retryable: true };
        }),
        health: parts.supervised.health,
        extendLease: (untilMs) => running.process?.extendLease(untilMs),
        abort: (why) => {
          aborted.abort(why);
          void (why === "released" ? keepAndKill(parts, running, life) : running.process?.kill());
        },
        dispose: async () => {
          parts.supervised.agent.feed.letGoIn(HOLD_MS);
          for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
        },
      } satisfies Attempt;
    },
    async close() {
      parts.supervised.agent.feed.letGo();
      await running.process?.exited;
      await parts.supervised.close();
    },
  };
}

type Running = { process: AgentProcess | null };
type Tenure = { readonly held: HeldTask; readonly life: Life; readonly lost: () => string | null };

/** What is given back while its lease holds is kept first, so that the next holder knows it. */
async function keepAndKill(parts: AgentAttemptsParts, running: Running, life: Life): Promise<void> {
  const { process } = running;
  if (life.ending() === null) await parts.supervised.keeper.make("session_end");
  process?.kill();
}

async function work(
  parts: AgentAttemptsParts,
  running: Running,
  tenure: Tenure,
  cleanups: (() => Promise<void>)[],
  onStarted: () => void,
): Promise<AttemptEnd> {
  const { supervised, worktrees } = parts;
  const { held, life, lost } = tenure;
  const worktree = worktrees && (await worktrees.add(held.task.id, held.fence));
  if (worktree) cleanups.push(() => worktrees.remove(worktree));
  const cwd = worktree?.dir ?? parts.cwd;
  const resumed = await parts.resumeTask(held, life, cwd, worktree !== null);
  if (resumed?.fidelity) supervised.course.resumed(resumed.fidelity.total);
  const before = lost();
  if (before !== null) return { kind: "aborted", why: before };

  const prompt = promptForTask(held, resumed?.findings ?? []);
  const refused = refusePrompt(prompt);
  if (refused !== null)
    return { kind: "failed", message: refused, code: "agent.prompt_too_long", retryable: false };
  supervised.begin(tenure, cwd, prompt);
  await feedOrLaunch(parts, running, { ...tenure, cwd, prompt, resumed });
  onStarted();
  void supervised.keeper.make("session_start");
  for (let stalls = 0; ; stalls += 1) {
    const end = await workEnd(supervised, running.process, lost());
    if (end.kind !== "stalled" || lost() !== null || stalls === STALLS_LIMIT)
      return await attemptEnd(parts, running, { end, worktree, lost });
    await restartStalled(parts, running, { ...tenure, cwd, prompt, why: end.why });
  }
}

type Launching = Tenure & { readonly cwd: string; readonly prompt: string };

async function feedOrLaunch(
  parts: AgentAttemptsParts,
  running: Running,
  launching: Launching & { readonly resumed: Resumed | null },
): Promise<void> {
  const { feed } = parts.supervised.agent;
  if (running.process !== null && feed.give(launching.prompt)) {
    parts.say("fed to the agent that is there", launching.held.task.id);
    return;
  }
  feed.letGo();
  await running.process?.exited;
  launch(parts, running, launching, launching.resumed?.own ?? null);
}

function launch(
  parts: AgentAttemptsParts,
  running: Running,
  { held, life, lost, cwd, prompt }: Launching,
  own: OwnSession | null,
): void {
  // While the process before it was waited for: nobody would kill the one that is started now.
  if (lost() !== null) return;
  parts.say(own ? "goes on with the agent's own session" : "starts an agent", held.task.id);
  parts.supervised.agent.restarted();
  const process = startAgentProcess(parts.supervised.processParts, {
    prompt,
    own,
    sessionId: randomUUID(),
    cwd,
    env: agentEnv(parts.env),
    leaseUntilMs: life.leaseUntilMs(),
  });
  running.process = process;
  void process.exited.then(() => {
    if (running.process === process) running.process = null;
  });
}

async function workEnd(
  supervised: SupervisedSession,
  process: AgentProcess | null,
  lost: string | null,
): Promise<WorkEnd> {
  if (process === null && lost !== null) return { kind: "lost", why: lost };
  if (process === null) throw new Error("the agent was gone before it could be waited for");
  const { agent } = supervised;
  const looks = new AbortController();
  try {
    return await Promise.race([
      agent.turnEnd().then((text): WorkEnd => ({ kind: "said", text })),
      process.exited.then((exit): WorkEnd => ({ kind: "exited", exit })),
      stalled(supervised, looks.signal),
    ]);
  } finally {
    looks.abort();
  }
}

/** Resolves when the agent has shown no progress for too long; never once `signal` is raised. */
function stalled(
  { course, agent: { activity } }: Pick<SupervisedSession, "course" | "agent">,
  signal: AbortSignal,
): Promise<WorkEnd> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const why = activity.stalled(Date.now());
      if (why === null) return;
      clearInterval(timer);
      course.stalled(activity.activity());
      resolve({ kind: "stalled", why });
    }, STALL_LOOK_MS);
    timer.unref();
    signal.addEventListener("abort", () => {
      clearInterval(timer);
    });
  });
}

async function restartStalled(
  parts: AgentAttemptsParts,
  running: Running,
  stall: Launching & { readonly why: string },
): Promise<void> {
  const { supervised } = parts;
  parts.say("stalled", stall.held.task.id, { why: stall.why });
  await supervised.keeper.make("milestone");
  const { process } = running;
  process?.kill();
  await process?.exited;
  const own = await supervised.intactOwn();
  // A fresh agent knows nothing of its task but what it is told now.
  const prompt = promptAfterStall(stall.why, supervised.agent.memory(), own ? null : stall.prompt);
  launch(parts, running, { ...stall, prompt }, own);
}

type Ending = {
  readonly end: WorkEnd;
  readonly worktree: Worktree | null;
  readonly lost: () => string | null;
};

async function attemptEnd(
  parts: AgentAttemptsParts,
  running: Running,
  { end, worktree, lost }: Ending,
): Promise<AttemptEnd> {
  const { supervised } = parts;
  if (end.kind === "lost") return { kind: "aborted", why: end.why };
  if (end.kind === "exited") return ofExit(parts, end.exit, { worktree, lost });
  if (end.kind === "stalled") {
    running.process?.kill();
    await running.process?.exited;
    const why = lost();
    if (why !== null) return { kind: "aborted", why };
    const message = `The agent showed no progress: ${end.why}. It was started again ${STALLS_LIMIT} times.`;
    return { kind: "failed", message, code: "agent.stalled", retryable: true };
  }
  if (!parts.feeds || worktree !== null || !supervised.hasRoom()) {
    supervised.agent.feed.letGo();
    const exit = await running.process?.exited;
    const why = lost() ?? (exit?.exit.killed === "lease" ? "lease" : null);
    if (why !== null) return { kind: "aborted", why };
  }
  return completed(supervised, end.text, worktree);
}

async function completed(
  supervised: SupervisedSession,
  text: string,
  worktree: Worktree | null,
): Promise<AttemptEnd> {
  const result = { text, ...supervised.usage() };
  return { kind: "completed", result, commit: worktree === null ? null : await worktree.newCommit() };
}

/** An agent that ended without its end having been asked of a hook: it crashed, failed, or has no such hook. */
async function ofExit(
  { supervised }: AgentAttemptsParts,
  { exit, errors }: Exit,
  { worktree, lost }: Omit<Ending, "end">,
): Promise<AttemptEnd> {
  const why = lost() ?? (exit.killed === "lease" ? "lease" : null);
  if (why !== null) return { kind: "aborted", why };
  const said = supervised.lastResult();
  if (exit.signal !== null) await supervised.keeper.make("crash");
  else if (said && !said.ok)
    return { kind: "failed", message: said.text.slice(0, 2_000), code: "agent.failed", retryable: true };
  else if (exit.code === 0) {
    const text = said?.text || (supervised.agent.memory().lastWord ?? "");
    return completed(supervised, text, worktree);
  }
  return explainExit(supervised.processParts.program[0], exit, errors);
}
