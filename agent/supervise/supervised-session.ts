import { hostname, tmpdir } from "node:os";
import type { CheckpointRequest, CheckpointTrigger } from "../../shared/contract/checkpoint.ts";
import { riskZone, thresholdsFor } from "../../shared/contract/risk.ts";
import type { AgentAdapter, OwnSession } from "../adapters/adapter.ts";
import type { AgentEvent } from "../adapters/agent-event.ts";
import { promptOf } from "../../shared/contract/task-prompt.ts";
import { readGitFacts } from "../checkpoints/git-facts.ts";
import { makeCheckpoint } from "../checkpoints/make-checkpoint.ts";
import { rulesFor } from "../checkpoints/triggers.ts";
import { markTranscript } from "../checkpoints/transcript-mark.ts";
import { intentFile, openIntentLog, removeIntents } from "../hooks/intent-log.ts";
import type { WhenOffline } from "../hooks/fence-guard.ts";
import type { HookServer } from "../hooks/hook-server.ts";
import { redact } from "../../shared/redaction/redact.ts";
import { type CourseKeeper, createCourse } from "../signals/course.ts";
import { createSignalPost } from "../signals/signal-post.ts";
import type { AgentApi } from "../worker/agent-api.ts";
import type { Health } from "../worker/attempt.ts";
import { DEFAULT_CONFIG } from "../worker/life.ts";
import type { WorkerLog } from "../worker/log.ts";
import { monotonicMs } from "../worker/monotonic.ts";
import { createUsageWatch } from "../worker/process-usage.ts";
import type { AgentProcessParts, AgentWatcher } from "./agent-process.ts";
import { type AgentSession, createAgentSession, type Tenure } from "./agent-session.ts";
import { type CheckpointKeeper, createCheckpointKeeper } from "./checkpoint-keeper.ts";
import { createExposurePost } from "./exposure-post.ts";
import { createIntentRelay } from "./intent-relay.ts";

export type SupervisedOptions = {
  readonly session: string;
  readonly adapter: AgentAdapter;
  readonly program: readonly [string, ...string[]];
  readonly hookServer: HookServer;
  readonly api: AgentApi;
  readonly whenOffline: WhenOffline;
  readonly log: WorkerLog;
  readonly onOutput: (task: string | null, line: string) => void;
  /** What an agent is told when it starts, besides its prompt. */
  readonly brief?: string | null;
};

/** A transcript's end is read as often as that, at most. */
const TRANSCRIPT_EVERY_MS = 2_000;

/** Everything that one session's agent is supervised with, over all its tasks and processes. */
export type SupervisedSession = {
  readonly agent: AgentSession;
  readonly keeper: CheckpointKeeper;
  readonly health: Health;
  /** What befalls it is noted here, and told with its signals. */
  readonly course: CourseKeeper;
  readonly processParts: AgentProcessParts;
  /** From now on it works on this, there. */
  begin(tenure: Tenure, cwd: string, prompt: string): void;
  /** The agent's last word, since it began. */
  lastResult(): Extract<AgentEvent, { type: "result" }> | null;
  /** What its model used, as far as it said. */
  usage(): { readonly totalTokens?: number; readonly costUsd?: number };
  /** Its own session, if that can be gone on with. */
  intactOwn(): Promise<OwnSession | null>;
  /** Whether it should go on with another task, rather than a new one with an empty context. */
  hasRoom(): boolean;
  close(): Promise<void>;
};

export function superviseSession(options: SupervisedOptions): SupervisedSession {
  const { session, adapter, program, api, log } = options;
  const nowMs = () => Date.now();
  const file = intentFile(tmpdir(), session);
  const intents = openIntentLog(file);
  let current: { readonly tenure: Tenure; readonly cwd: string } | null = null;
  let result: Extract<AgentEvent, { type: "result" }> | null = null;
  const taskId = () => current?.tenure.held?.task.id ?? null;
  const say = (what: string, fields: Record<string, string | number> = {}) => {
    const task = taskId();
    log(what, { session, ...(task === null ? {} : { task }), ...fields });
  };

  const relay = createIntentRelay(
    async (payload) => {
      if (current) await api.observe(adapter.name, current.tenure.life.token(), payload);
    },
    redact,
    (why) => {
      say("a tool call could not be told", { why });
    },
  );

  const exposures = createExposurePost(
    (parameters, life) => api.tellExposures(session, life.token(), { parameters: [...parameters] }),
    (why) => {
      say("the use of a parameter could not be told", { why });
    },
  );
  const parameters = () => (current?.tenure.life.config() ?? DEFAULT_CONFIG).parameters;
  const used = (names: Parameters<typeof exposures.used>[0]) => {
    if (current) exposures.used(names, current.tenure.life);
  };
  const zone = () => {
    const signals = agent.signals().read(nowMs());
    if (signals.contextUsed !== undefined) used(["contextWarning", "contextDanger"]);
    return riskZone(signals, thresholdsFor(parameters()));
  };

  async function build(trigger: CheckpointTrigger): Promise<CheckpointRequest | null> {
    if (current === null) return null;
    const { held } = current.tenure;
    const signals = agent.signals().read(nowMs());
    const { own } = agent.memory();
    const [git, transcript] = await Promise.all([
      readGitFacts(current.cwd),
      own.transcriptPath === null ? null : markTranscript(own.transcriptPath),
    ]);
    const state = makeCheckpoint({
      memory: agent.memory(),
      git,
      agent: { kind: adapter.name, host: hostname(), cwd: current.cwd },
      transcript,
      task: held ? { id: held.task.id, operation: promptOf(held.task), percent: null } : null,
    });
    return {
      trigger,
      ...(held ? { taskId: held.task.id, fence: held.fence } : {}),
      state,
      signals: { ...signals },
    };
  }

  const keeper = createCheckpointKeeper({
    build,
    post: async (request) => {
      if (current === null) throw new Error("the session is over");
      return api.checkpoint(session, current.tenure.life.token(), request);
    },
    rules: () => rulesFor(parameters()),
    onUsed: used,
    zone,
    nowMs,
    onMade: (trigger, { sequence, bytes }, tookMs) => {
      agent.signals().checkpointed();
      say("checkpoint", { trigger, sequence, bytes, tookMs });
    },
    onFailed: (trigger, why) => {
      say("checkpoint failed", { trigger, why });
    },
    monotonicMs,
  });

  const agent = createAgentSession({
    whenOffline: options.whenOffline,
    intents,
    relay,
    keeper: () => keeper,
    nowMs,
    monotonicMs,
    brief: options.brief ?? null,
    onDenied: (reason) => {
      say("a tool call was denied", { why: reason });
    },
  });

  const watcher: AgentWatcher = {
    hear: (event) => {
      if (event.type === "result") result = event;
      agent.hear(event);
    },
    output: (line) => {
      options.onOutput(taskId(), line);
      agent.output(line);
    },
    async decide(hook) {
      // What the model used stands in the transcript alone, where its agent has the terminal or says it nowhere else.
      if (hook.name === "Stop") readAtMs = -Infinity;
      if (hook.name === "Stop" || hook.name === "PostToolUse") await readUsage();
      return agent.decide(hook);
    },
  };

  let readAtMs = -Infinity;
  async function readUsage(): Promise<void> {
    const { sessionId, transcriptPath } = agent.memory().own;
    if (sessionId === null || transcriptPath === null || nowMs() - readAtMs < TRANSCRIPT_EVERY_MS) return;
    readAtMs = nowMs();
    const events = await adapter.readTranscript({ sessionId, transcriptPath }).catch(() => []);
    for (const event of events) agent.hear(event);
  }

  const consumed = () => {
    const { totalTokens: tokens, costUsd: usd } = agent.signals().read(nowMs());
    return { tokens, usd };
  };
  let consumedBefore = consumed();

  const post = createSignalPost();
  const course = createCourse();
  const usage = createUsageWatch();
  let mark: string | null = null;
  return {
    agent,
    keeper,
    course,
    health: {
      activity: agent.activity.activity,
      signals: () => {
        // Beats come as long as it lives: by them time is seen to pass while the agent says nothing.
        keeper.heard(null);
        const due = post.due(agent.signals().read(nowMs()), zone(), nowMs());
        // Its processes are looked at only when that is told: it takes a while.
        return due && { ...due, ...course.read(), ...usage.look(mark, nowMs()) };
      },
    },
    processParts: {
      adapter,
      program,
      hookServer: options.hookServer,
      watcher,
      onProblem: (what, why) => {
        say(what, { why });
      },
      onMark: (now) => {
        mark = now;
      },
    },
    begin(tenure, cwd, prompt) {
      current = { tenure, cwd };
      result = null;
      consumedBefore = consumed();
      keeper.begin();
      agent.begin(tenure, prompt);
    },
    lastResult: () => result,
    usage: () => {
      const { tokens, usd } = consumed();
      return {
        ...(tokens !== undefined && { totalTokens: tokens - (consumedBefore.tokens ?? 0) }),
        ...(usd !== undefined && { costUsd: usd - (consumedBefore.usd ?? 0) }),
      };
    },
    async intactOwn() {
      const { sessionId, transcriptPath } = agent.memory().own;
      if (sessionId === null) return null;
      const own = { sessionId, transcriptPath };
      return (await adapter.isIntact(own).catch(() => false)) ? own : null;
    },
    hasRoom: () => zone() !== "danger",
    async close() {
      agent.feed.letGo();
      await relay.settled();
      intents.close();
      removeIntents(file);
    },
  };
}

/** Variables for an agent: the supervisor's own, without its key. No task's: one process may work through several. */
export function agentEnv({ SHIM_KEY: _key, ...env }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return env;
}
