import * as z from "zod/mini";
import { AgentParameters } from "./agent-parameters.ts";
import { ResumeBrief } from "./checkpoint.ts";
import { Epoch, Fence, Id, Instant, Word } from "./ids.ts";
import {
  CAPABILITIES_LIMIT,
  LABELS_LIMIT,
  LABEL_CHARACTERS_LIMIT,
  SESSION_CAPACITY_LIMIT,
  TEXT_CHARACTERS_LIMIT,
  TOPICS_LIMIT,
} from "./limits.ts";
import { ParameterName } from "./parameters.ts";
import { ProfileName } from "./profile.ts";
import { Activity, SessionState } from "./session-state.ts";
import { Task, TaskError, TaskState } from "./task.ts";

export const Labels = z
  .record(Word, z.string().check(z.maxLength(LABEL_CHARACTERS_LIMIT)))
  .check(z.refine((labels) => Object.keys(labels).length <= LABELS_LIMIT, `at most ${LABELS_LIMIT} labels`));

export const Capabilities = z.array(Word).check(z.maxLength(CAPABILITIES_LIMIT));

/** POST /v1/sessions */
export const RegisterRequest = z.strictObject({
  id: z.optional(Id),
  host: Id,
  boot: Id,
  agent: Word,
  labels: z.optional(Labels),
  capabilities: z.optional(Capabilities),
  /** 0: it is watched over and takes no tasks. */
  capacity: z.optional(z.int().check(z.nonnegative(), z.maximum(SESSION_CAPACITY_LIMIT))),
  cwd: z.optional(z.string().check(z.maxLength(TEXT_CHARACTERS_LIMIT))),
  /** Topics whose messages it reads. Another choice takes a restart. */
  topics: z.optional(z.array(Word).check(z.maxLength(TOPICS_LIMIT))),
});
export type RegisterRequest = z.infer<typeof RegisterRequest>;

/** A session as answers show it. */
export const Session = z.object({
  id: Id,
  host: Id,
  agent: z.string(),
  state: SessionState,
  epoch: Epoch,
  activity: z.nullable(Activity),
  labels: z.record(z.string(), z.string()),
  capabilities: z.array(z.string()),
  capacity: z.int(),
  currentTasks: z.int(),
  restarts: z.int(),
  startedAt: Instant,
  lastBeatAt: z.nullable(Instant),
});
export type Session = z.infer<typeof Session>;

/** What an agent goes by. A server that is one version older sends no more than the profile and when the token ends. */
export const SessionConfig = z.object({
  profile: ProfileName,
  tokenExpiresMs: z.int(),
  parameters: z.optional(AgentParameters),
  /** Names these parameters: said in beats, so that others are told. */
  version: z.optional(z.int()),
  /** Those under experiment: their first use is to be told. */
  experiments: z.optional(z.array(z.string())),
});
export type SessionConfig = z.infer<typeof SessionConfig>;

export const RegisterAnswer = z.object({
  session: Session,
  token: z.string(),
  hostToken: z.string(),
  heartbeat: z.object({ url: z.string(), intervalMs: z.int(), timeoutMs: z.int() }),
  config: SessionConfig,
  resume: z.nullable(ResumeBrief),
});
export type RegisterAnswer = z.infer<typeof RegisterAnswer>;

/** POST /v1/sessions/{id}/exposures: which of its `config.experiments` it has used for the first time since its start. */
export const ExposuresRequest = z.strictObject({
  parameters: z.array(ParameterName).check(z.minLength(1), z.maxLength(ParameterName.options.length)),
});
export type ExposuresRequest = z.infer<typeof ExposuresRequest>;
export const ExposuresAnswer = z.object({});

/** POST /v1/sessions/{id}/end */
export const EndRequest = z.strictObject({
  reason: z.enum(["completed", "stopped", "crashed"]),
  exitCode: z.optional(z.nullable(z.int())),
  signal: z.optional(z.nullable(Word)),
});
export type EndRequest = z.infer<typeof EndRequest>;

/** POST /v1/sessions/{id}/claim */
export const ClaimRequest = z.strictObject({
  max: z.optional(z.int().check(z.minimum(1), z.maximum(SESSION_CAPACITY_LIMIT))),
});
export type ClaimRequest = z.infer<typeof ClaimRequest>;

/** What became of a dependency. `truncated`: its result did not fit, read it with GET /v1/tasks/{id}. */
export const TaskInput = z.object({
  state: TaskState,
  result: z.unknown(),
  error: z.nullable(TaskError),
  truncated: z.optional(z.boolean()),
});
export type TaskInput = z.infer<typeof TaskInput>;

/** A task in the hands of a session: work on it until `leaseExpiresMs` (epoch milliseconds, renewed by beats). */
export const HeldTask = z.object({
  task: Task,
  fence: Fence,
  leaseExpiresMs: z.int(),
  resume: z.nullable(ResumeBrief),
  /** By dependency. A server that is one version older sends none. */
  inputs: z._default(z.record(Id, TaskInput), {}),
});
export type HeldTask = z.infer<typeof HeldTask>;

export const ClaimAnswer = z.object({ tasks: z.array(HeldTask) });
export type ClaimAnswer = z.infer<typeof ClaimAnswer>;

export const SessionAnswer = z.object({ session: Session });
/** POST /v1/hosts/{id}/drain: the sessions that take no more work now. */
export const DrainedAnswer = z.object({ sessions: z.array(Session) });
export const SessionsAnswer = z.object({ sessions: z.array(Session), cursor: z.nullable(z.string()) });
