import {
  FleetAnswer,
  FleetRequest,
  FleetsAnswer,
  HealthAnswer,
  KeyAnswer,
  KeyRequest,
  KeysAnswer,
  LoadAnswer,
  RebalanceAnswer,
  RebalanceRequest,
  RetentionAnswer,
  RetentionRequest,
  RevokedAnswer,
  type Scope,
} from "./fleet.ts";
import {
  CheckpointAnswer,
  CheckpointRequest,
  CheckpointWritten,
  ResumeAnswer,
  SignalsAnswer,
} from "./checkpoint.ts";
import { CancelGroupAnswer, CancelGroupRequest, RedriveAnswer, RedriveRequest } from "./bulk.ts";
import { HookAnswer, HookPayload } from "./hook.ts";
import { HeartbeatRequest } from "./heartbeat.ts";
import { HeartbeatAnswer } from "./heartbeat-answer.ts";
import {
  AcknowledgeAnswer,
  AcknowledgeRequest,
  MessagesAnswer,
  SendAnswer,
  SendRequest,
} from "./message-routes.ts";
import { LimitRequest, PauseRequest, RulesAnswer } from "./rules.ts";
import {
  HeldTask,
  ClaimAnswer,
  ClaimRequest,
  DrainedAnswer,
  EndRequest,
  RegisterAnswer,
  RegisterRequest,
  SessionAnswer,
  SessionsAnswer,
} from "./session.ts";
import {
  CompleteRequest,
  FailRequest,
  ProgressRequest,
  ProgressSummary,
  ReasonRequest,
  ReleaseRequest,
  TaskAnswer,
  TaskPage,
  TaskStoryAnswer,
  TaskSubmission,
  TasksAnswer,
} from "./task.ts";
import * as z from "zod/mini";

/** Whose credential a route takes; whatever is absent is refused. */
export type Who = {
  /** API keys of these scopes; `admin` always counts. */
  readonly scopes?: readonly Scope[];
  /** A session's token; `own`: only of the session that the path names. */
  readonly session?: "any" | "own";
  /** A host's token. */
  readonly host?: boolean;
  /** The root key, for the default fleet. */
  readonly root?: boolean;
};

/** One route of the protocol: what it takes, what it answers, and whose credential it wants (null: anyone's). */
export type Route = {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly summary: string;
  readonly who: Who | null;
  readonly query?: readonly string[];
  readonly body?: z.ZodMiniType;
  readonly bodyOptional?: boolean;
  /** Any JSON is read, as JSON.parse reads it: of agents, whose bodies are not ours to refuse. */
  readonly lenient?: boolean;
  readonly idempotencyKey?: boolean;
  readonly status: number;
  readonly answer: z.ZodMiniType;
  /** Of an answer that is no JSON: its content type. */
  readonly text?: string;
};

const CompleteAnswer = z.extend(TaskAnswer, { next: z.nullable(HeldTask) });
const Submission = z.union([TaskSubmission, z.array(TaskSubmission)]);

/** A message of JSON-RPC 2.0, or several. */
const JsonRpc = z.union([z.looseObject({}), z.array(z.looseObject({}))]);

/** Every route that is built, by the name of its operation. */
export const API = {
  registerSession: {
    method: "POST",
    path: "/v1/sessions",
    summary: "Start a session, or start it again",
    who: { scopes: ["agent"] },
    body: RegisterRequest,
    idempotencyKey: true,
    status: 201,
    answer: RegisterAnswer,
  },
  recordHeartbeat: {
    method: "POST",
    path: "/v1/heartbeat",
    summary: "One beat of a host for all its sessions",
    who: { host: true },
    body: HeartbeatRequest,
    status: 200,
    answer: HeartbeatAnswer,
  },
  endSession: {
    method: "POST",
    path: "/v1/sessions/{id}/end",
    summary: "Say that a session has ended or crashed",
    who: { session: "own", host: true },
    body: EndRequest,
    status: 200,
    answer: SessionAnswer,
  },
  claimTasks: {
    method: "POST",
    path: "/v1/sessions/{id}/claim",
    summary: "Get tasks to work on",
    who: { session: "own" },
    body: ClaimRequest,
    bodyOptional: true,
    status: 200,
    answer: ClaimAnswer,
  },
  writeCheckpoint: {
    method: "POST",
    path: "/v1/sessions/{id}/checkpoints",
    summary: "Keep a checkpoint",
    who: { session: "own" },
    body: CheckpointRequest,
    status: 201,
    answer: CheckpointWritten,
  },
  readCheckpoint: {
    method: "GET",
    path: "/v1/sessions/{id}/checkpoints/latest",
    summary: "Read the latest checkpoint of a session, or of a task that it holds",
    who: { scopes: ["operate"], session: "own" },
    query: ["taskId"],
    status: 200,
    answer: CheckpointAnswer,
  },
  readResume: {
    method: "GET",
    path: "/v1/sessions/{id}/resume",
    summary: "Read what a session left unfinished",
    who: { scopes: ["operate"], session: "own" },
    status: 200,
    answer: ResumeAnswer,
  },
  submitTasks: {
    method: "POST",
    path: "/v1/tasks",
    summary: "Submit one task or up to 100",
    who: { scopes: ["submit"] },
    body: Submission,
    idempotencyKey: true,
    status: 202,
    answer: TasksAnswer,
  },
  listTasks: {
    method: "GET",
    path: "/v1/tasks",
    summary: "List tasks",
    who: { scopes: ["submit", "operate", "agent"], session: "any" },
    query: ["state", "group", "cursor"],
    status: 200,
    answer: TaskPage,
  },
  getTask: {
    method: "GET",
    path: "/v1/tasks/{id}",
    summary: "Read a task; with events=1 also what happened to it",
    who: { scopes: ["submit", "operate", "agent"], session: "any" },
    query: ["events"],
    status: 200,
    answer: TaskStoryAnswer,
  },
  reportProgress: {
    method: "POST",
    path: "/v1/tasks/{id}/progress",
    summary: "Say how far a held task is",
    who: { session: "any" },
    body: ProgressRequest,
    status: 200,
    answer: TaskAnswer,
  },
  completeTask: {
    method: "POST",
    path: "/v1/tasks/{id}/complete",
    summary: "Complete a held task and get the next",
    who: { session: "any" },
    body: CompleteRequest,
    status: 200,
    answer: CompleteAnswer,
  },
  failTask: {
    method: "POST",
    path: "/v1/tasks/{id}/fail",
    summary: "Report a failed attempt",
    who: { session: "any" },
    body: FailRequest,
    status: 200,
    answer: TaskAnswer,
  },
  releaseTask: {
    method: "POST",
    path: "/v1/tasks/{id}/release",
    summary: "Give a held task back",
    who: { session: "any" },
    body: ReleaseRequest,
    status: 200,
    answer: TaskAnswer,
  },
  cancelTask: {
    method: "POST",
    path: "/v1/tasks/{id}/cancel",
    summary: "Cancel a task",
    who: { scopes: ["submit", "operate"] },
    body: ReasonRequest,
    bodyOptional: true,
    status: 200,
    answer: TaskAnswer,
  },
  cancelGroup: {
    method: "POST",
    path: "/v1/tasks/cancel",
    summary: "Cancel the tasks of a group that have not ended",
    who: { scopes: ["submit", "operate"] },
    body: CancelGroupRequest,
    status: 200,
    answer: CancelGroupAnswer,
  },
  redriveTask: {
    method: "POST",
    path: "/v1/tasks/{id}/redrive",
    summary: "Return a dead letter to work",
    who: { scopes: ["submit", "operate"] },
    body: ReasonRequest,
    bodyOptional: true,
    status: 200,
    answer: TaskAnswer,
  },
  listDeadLetters: {
    method: "GET",
    path: "/v1/dead-letters",
    summary: "List failed tasks",
    who: { scopes: ["submit", "operate"] },
    query: ["group", "type", "cursor"],
    status: 200,
    answer: TaskPage,
  },
  redriveDeadLetters: {
    method: "POST",
    path: "/v1/dead-letters/redrive",
    summary: "Return dead letters to work",
    who: { scopes: ["submit", "operate"] },
    body: RedriveRequest,
    status: 200,
    answer: RedriveAnswer,
  },
  summariseProgress: {
    method: "GET",
    path: "/v1/progress",
    summary: "Count tasks and read results",
    who: { scopes: ["submit", "operate", "agent"], session: "any" },
    query: ["group", "cursor"],
    status: 200,
    answer: ProgressSummary,
  },
  listLoad: {
    method: "GET",
    path: "/v1/load",
    summary: "How busy each session is",
    who: { scopes: ["operate", "submit"] },
    status: 200,
    answer: LoadAnswer,
  },
  readMetrics: {
    method: "GET",
    path: "/metrics",
    summary: "What a fleet can be measured by, in Prometheus' text format",
    who: { scopes: ["operate"] },
    status: 200,
    answer: z.string(),
    text: "text/plain; version=0.0.4; charset=utf-8",
  },
  listSessions: {
    method: "GET",
    path: "/v1/sessions",
    summary: "List sessions",
    who: { scopes: ["operate"] },
    query: ["cursor"],
    status: 200,
    answer: SessionsAnswer,
  },
  getSession: {
    method: "GET",
    path: "/v1/sessions/{id}",
    summary: "Read a session",
    who: { scopes: ["operate"] },
    status: 200,
    answer: SessionAnswer,
  },
  listSignals: {
    method: "GET",
    path: "/v1/sessions/{id}/signals",
    summary: "What a session said of its health, in order of time",
    who: { scopes: ["operate"] },
    query: ["from", "to", "cursor"],
    status: 200,
    answer: SignalsAnswer,
  },
  drainSession: {
    method: "POST",
    path: "/v1/sessions/{id}/drain",
    summary: "Let a session take no more work",
    who: { scopes: ["operate"] },
    status: 200,
    answer: SessionAnswer,
  },
  drainHost: {
    method: "POST",
    path: "/v1/hosts/{id}/drain",
    summary: "Let every session of a host take no more work",
    who: { scopes: ["operate"] },
    status: 200,
    answer: DrainedAnswer,
  },
  restartSession: {
    method: "POST",
    path: "/v1/sessions/{id}/restart",
    summary: "Ask a session's host to start it again",
    who: { scopes: ["operate"] },
    status: 200,
    answer: SessionAnswer,
  },
  sendMessage: {
    method: "POST",
    path: "/v1/messages",
    summary: "Send a message to a session, a topic or all",
    who: { scopes: ["operate"], session: "any" },
    body: SendRequest,
    idempotencyKey: true,
    status: 201,
    answer: SendAnswer,
  },
  readMessages: {
    method: "GET",
    path: "/v1/sessions/{id}/messages",
    summary: "Read what a session has not acknowledged",
    who: { scopes: ["operate"], session: "own" },
    query: ["cursor"],
    status: 200,
    answer: MessagesAnswer,
  },
  acknowledgeMessages: {
    method: "POST",
    path: "/v1/sessions/{id}/messages/ack",
    summary: "Acknowledge messages up to a cursor",
    who: { scopes: ["operate"], session: "own" },
    body: AcknowledgeRequest,
    status: 200,
    answer: AcknowledgeAnswer,
  },
  rebalance: {
    method: "POST",
    path: "/v1/rebalance",
    summary: "Move waiting assignments to less loaded sessions",
    who: { scopes: ["operate"] },
    body: RebalanceRequest,
    bodyOptional: true,
    status: 200,
    answer: RebalanceAnswer,
  },
  readRules: {
    method: "GET",
    path: "/v1/rules",
    summary: "What of the fleet's work is paused or limited",
    who: { scopes: ["operate", "submit"] },
    status: 200,
    answer: RulesAnswer,
  },
  pauseTasks: {
    method: "POST",
    path: "/v1/pause",
    summary: "Start nothing more of a group, type or key, or of the whole fleet",
    who: { scopes: ["operate"] },
    body: PauseRequest,
    bodyOptional: true,
    status: 200,
    answer: RulesAnswer,
  },
  resumeTasks: {
    method: "POST",
    path: "/v1/resume",
    summary: "Take a pause back",
    who: { scopes: ["operate"] },
    body: PauseRequest,
    bodyOptional: true,
    status: 200,
    answer: RulesAnswer,
  },
  limitTasks: {
    method: "POST",
    path: "/v1/limits",
    summary: "Limit how many tasks of a type or key are held at once",
    who: { scopes: ["operate"] },
    body: LimitRequest,
    status: 200,
    answer: RulesAnswer,
  },
  readRetention: {
    method: "GET",
    path: "/v1/retention",
    summary: "How long what has ended is kept",
    who: { scopes: ["operate", "submit"] },
    status: 200,
    answer: RetentionAnswer,
  },
  changeRetention: {
    method: "POST",
    path: "/v1/retention",
    summary: "Keep what ends from now on for longer or shorter",
    who: { scopes: ["operate"] },
    body: RetentionRequest,
    status: 200,
    answer: RetentionAnswer,
  },
  createKey: {
    method: "POST",
    path: "/v1/keys",
    summary: "Make an API key",
    who: { scopes: ["admin"], root: true },
    body: KeyRequest,
    idempotencyKey: true,
    status: 201,
    answer: KeyAnswer,
  },
  listKeys: {
    method: "GET",
    path: "/v1/keys",
    summary: "List API keys",
    who: { scopes: ["admin"], root: true },
    status: 200,
    answer: KeysAnswer,
  },
  revokeKey: {
    method: "DELETE",
    path: "/v1/keys/{id}",
    summary: "Revoke an API key",
    who: { scopes: ["admin"], root: true },
    status: 200,
    answer: RevokedAnswer,
  },
  createFleet: {
    method: "POST",
    path: "/v1/fleets",
    summary: "Make a fleet",
    who: { root: true },
    body: FleetRequest,
    idempotencyKey: true,
    status: 201,
    answer: FleetAnswer,
  },
  listFleets: {
    method: "GET",
    path: "/v1/fleets",
    summary: "List fleets",
    who: { root: true },
    status: 200,
    answer: FleetsAnswer,
  },
  recordHook: {
    method: "POST",
    path: "/v1/hooks/{client}",
    summary:
      "A hook of an agent (claude-code or codex), in its own words; with observe=1 it is only written down",
    who: { session: "any" },
    query: ["observe"],
    body: HookPayload,
    lenient: true,
    status: 200,
    answer: HookAnswer,
  },
  callMcp: {
    method: "POST",
    path: "/mcp",
    summary: "MCP, stateless Streamable HTTP: the tools of a session, for its model",
    who: { session: "any" },
    body: JsonRpc,
    status: 200,
    answer: JsonRpc,
  },
  checkHealth: {
    method: "GET",
    path: "/v1/health",
    summary: "Whether the stores answer",
    who: null,
    status: 200,
    answer: HealthAnswer,
  },
} as const satisfies Record<string, Route>;
