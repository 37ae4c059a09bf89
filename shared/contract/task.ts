import * as z from "zod/mini";
import { Fence, Id, Instant, Word } from "./ids.ts";
import {
  CAPABILITIES_LIMIT,
  DEPENDENCIES_LIMIT,
  MAX_ATTEMPTS_LIMIT,
  PRIORITY_LIMIT,
  TASK_TIMEOUT_MS_LIMIT,
  TEXT_CHARACTERS_LIMIT,
} from "./limits.ts";

export const TaskState = z.enum([
  "blocked",
  "queued",
  "assigned",
  "running",
  "completed",
  "failed",
  "cancelled",
]);
export type TaskState = z.infer<typeof TaskState>;

const Text = z.string().check(z.maxLength(TEXT_CHARACTERS_LIMIT));
const Percent = z.number().check(z.minimum(0), z.maximum(100));

/**
 * Where a task would rather run: in a session, on a host, or (`key: true`) in the session that last had a task of the
 * same `key`. With `required` it runs on that host or in that session, and nowhere else.
 */
export const Affinity = z
  .strictObject({
    session: z.optional(Id),
    host: z.optional(Id),
    key: z.optional(z.boolean()),
    required: z.optional(z.boolean()),
  })
  .check(
    z.refine(
      ({ required, session, host }) => !required || session !== undefined || host !== undefined,
      "required needs a session or a host",
    ),
  );
export type Affinity = z.infer<typeof Affinity>;

/** What becomes of a task when a dependency fails or is cancelled: it fails, is skipped, or runs all the same. */
export const FailurePolicy = z.enum(["fail", "skip", "run"]);
export type FailurePolicy = z.infer<typeof FailurePolicy>;

/** An entry of `dependsOn`. An id alone means `fail`. */
const Dependency = z.union([Id, z.strictObject({ id: Id, onFailure: FailurePolicy })]);

/** One task of POST /v1/tasks. `priority` 1 is the highest. */
export const TaskSubmission = z.strictObject({
  id: z.optional(Id),
  type: Word,
  priority: z.optional(z.int().check(z.minimum(1), z.maximum(PRIORITY_LIMIT))),
  data: z.unknown(),
  group: z.optional(Word),
  dependsOn: z.optional(z.array(Dependency).check(z.maxLength(DEPENDENCIES_LIMIT))),
  key: z.optional(Word),
  requires: z.optional(z.array(Word).check(z.maxLength(CAPABILITIES_LIMIT))),
  affinity: z.optional(Affinity),
  maxAttempts: z.optional(z.int().check(z.minimum(1), z.maximum(MAX_ATTEMPTS_LIMIT))),
  timeoutMs: z.optional(z.int().check(z.minimum(1), z.maximum(TASK_TIMEOUT_MS_LIMIT))),
});
export type TaskSubmission = z.infer<typeof TaskSubmission>;

export const TaskError = z.object({ message: z.string(), code: z.optional(z.string()) });
export type TaskError = z.infer<typeof TaskError>;

export const Progress = z.object({ percent: z.number(), message: z.nullable(z.string()) });
export type Progress = z.infer<typeof Progress>;

/** A task as answers show it. */
export const Task = z.object({
  id: Id,
  type: z.string(),
  priority: z.int(),
  state: TaskState,
  data: z.unknown(),
  group: z.nullable(z.string()),
  dependsOn: z.array(Id),
  /** The policies of dependencies, by id, where one is not `fail`. */
  onFailure: z.optional(z.record(Id, FailurePolicy)),
  key: z.nullable(z.string()),
  requires: z.array(z.string()),
  attempt: z.int(),
  maxAttempts: z.int(),
  sessionId: z.nullable(Id),
  progress: z.nullable(Progress),
  result: z.unknown(),
  /** What the holder offered as proof of its result, or null. */
  evidence: z.unknown(),
  error: z.nullable(TaskError),
  createdAt: Instant,
  startedAt: z.nullable(Instant),
  endedAt: z.nullable(Instant),
});
export type Task = z.infer<typeof Task>;

/** POST /v1/tasks/{id}/progress */
export const ProgressRequest = z.strictObject({ fence: Fence, percent: Percent, message: z.optional(Text) });
export type ProgressRequest = z.infer<typeof ProgressRequest>;

/** POST /v1/tasks/{id}/complete */
export const CompleteRequest = z.strictObject({
  fence: Fence,
  result: z.unknown(),
  evidence: z.optional(z.unknown()),
});
export type CompleteRequest = z.infer<typeof CompleteRequest>;

/** POST /v1/tasks/{id}/fail; `retryable` is true unless said otherwise. */
export const FailRequest = z.strictObject({
  fence: Fence,
  error: z.strictObject({ message: Text, code: z.optional(Word) }),
  retryable: z.optional(z.boolean()),
});
export type FailRequest = z.infer<typeof FailRequest>;

/** POST /v1/tasks/{id}/release */
export const ReleaseRequest = z.strictObject({ fence: Fence, reason: z.optional(Text) });
export type ReleaseRequest = z.infer<typeof ReleaseRequest>;

/** POST /v1/tasks/{id}/cancel and /redrive */
export const ReasonRequest = z.strictObject({ reason: z.optional(Text) });
export type ReasonRequest = z.infer<typeof ReasonRequest>;

/** One change of a task's state. */
export const TaskEvent = z.object({
  at: Instant,
  state: TaskState,
  /** The session that took it, or from which it went; null if none did. */
  sessionId: z.nullable(Id),
  /** Attempts started by then. */
  attempt: z.int(),
  /** Why, where the state alone does not tell: a code such as `task.crash`. */
  reason: z.nullable(z.string()),
});
export type TaskEvent = z.infer<typeof TaskEvent>;

export const TaskAnswer = z.object({ task: Task });
/** GET /v1/tasks/{id}; the last two with `?events=1`. */
export const TaskStoryAnswer = z.object({
  task: Task,
  /** From submission to end; of very many changes in between only the latest. */
  events: z.optional(z.array(TaskEvent)),
  /** By which all that was logged of the task is found. */
  correlationId: z.optional(z.string()),
});
export type TaskStoryAnswer = z.infer<typeof TaskStoryAnswer>;
export const TasksAnswer = z.object({ tasks: z.array(Task) });
export const TaskPage = z.object({ tasks: z.array(Task), cursor: z.nullable(z.string()) });

/** One ended task of a progress summary. */
export const TaskOutcome = z.object({
  taskId: Id,
  state: z.enum(["completed", "failed", "cancelled"]),
  result: z.unknown(),
  error: z.nullable(TaskError),
});

/** GET /v1/progress: in progress is assigned and running, queued is blocked and queued. */
export const ProgressSummary = z.object({
  totalTasks: z.int(),
  completedTasks: z.int(),
  inProgressTasks: z.int(),
  queuedTasks: z.int(),
  failedTasks: z.int(),
  cancelledTasks: z.int(),
  activeChats: z.int(),
  results: z.array(TaskOutcome),
  cursor: z.nullable(z.string()),
});
export type ProgressSummary = z.infer<typeof ProgressSummary>;
