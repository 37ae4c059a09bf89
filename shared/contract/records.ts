import * as z from "zod/mini";
import { Epoch, Fence, Id } from "./ids.ts";
import { Positions } from "./message.ts";
import { ProfileName } from "./profile.ts";
import { Rules } from "./rules.ts";
import { Labels } from "./session.ts";
import { SessionState } from "./session-state.ts";
import { Affinity, FailurePolicy, Progress, TaskError, TaskState } from "./task.ts";
import { BalancePolicy, Scope } from "./fleet.ts";
import { Exposures, Tuning } from "./experiments.ts";
import { ParameterValues } from "./parameters.ts";

/**
 * The record: what DynamoDB keeps. Each is read through its schema. `rev` counts commits of one document and
 * is set by the store alone; a commit names the document it replaces, and fails if that has changed meanwhile.
 * All times are epoch milliseconds.
 */
const Document = { v: z.literal(1), rev: z.int(), fleet: Id };
const Millis = z.int();

/** Where a payload lies: in the item itself, in an item of its own, or in an object. */
export const PayloadRef = z.discriminatedUnion("at", [
  z.object({ at: z.literal("inline"), json: z.string() }),
  z.object({ at: z.literal("item"), key: z.string() }),
  z.object({ at: z.literal("object"), key: z.string() }),
]);
export type PayloadRef = z.infer<typeof PayloadRef>;

/** Who holds a task: a start of a session, by its epoch. */
export const Owner = z.object({ session: Id, epoch: Epoch, host: Id });
export type Owner = z.infer<typeof Owner>;

/** Which holder gave a task up (completed, failed or released it) and with what body: a replay is known by it. */
export const SettledBy = z.object({ session: Id, epoch: Epoch, fence: Fence, bodyHash: z.string() });
export type SettledBy = z.infer<typeof SettledBy>;

/**
 * How a session's start, or a task's tenure, came to its end: its supervisor saw it crash, its host or it itself was started again
 * without a word of its end (`lost`), nobody heard of it any more, it ended or gave back by itself before its work was finished, or it
 * was finished (`done`). What cannot be told is `unknown`.
 */
export const EndedBy = z.enum(["crash", "lost", "timeout", "exit", "done", "unknown"]);
export type EndedBy = z.infer<typeof EndedBy>;

/**
 * A change of a task's state, in few bytes: the state, when (epoch ms), the session that took it or lost it, the attempt that
 * started, a code that tells why, of a session that crashed when its last beat was accepted, and how a tenure ended. A code may be
 * its holder's own word, so nothing is concluded from it where `e` says it.
 */
export const KeptEvent = z.object({
  s: TaskState,
  t: Millis,
  o: z.optional(Id),
  n: z.optional(z.int()),
  c: z.optional(z.string()),
  b: z.optional(Millis),
  e: z.optional(EndedBy),
});
export type KeptEvent = z.infer<typeof KeptEvent>;

/** What an agent said that it used for a task, where it did. */
export const Used = z.object({ tokens: z.optional(z.number()), costUsd: z.optional(z.number()) });
export type Used = z.infer<typeof Used>;

const TaskBase = z.object({
  ...Document,
  id: Id,
  type: z.string(),
  priority: z.int(),
  group: z.nullable(z.string()),
  key: z.nullable(z.string()),
  requires: z.array(z.string()),
  affinity: z.nullable(Affinity),
  dependsOn: z.array(Id),
  /** Policies of those dependencies where it is not `fail`. */
  onFailure: z.optional(z.record(Id, FailurePolicy)),
  maxAttempts: z.int(),
  timeoutMs: z.nullable(z.int()),
  data: PayloadRef,
  /** Hash of the submission's own words: the same id with the same hash is the same task. */
  bodyHash: z.string(),
  /** The submission item that counts this task, and its place there. */
  submission: z.object({ id: Id, index: z.int() }),
  /** Rises with every change of owner, also to nobody. 0 before the first assignment. */
  fence: z.int(),
  /** Attempts started. */
  attempt: z.int(),
  /** Times it was given back since the last attempt that ended. */
  placements: z.int(),
  redrives: z.int(),
  settledBy: z.nullable(SettledBy),
  progress: z.nullable(Progress),
  /** Why the last attempt ended without success. */
  error: z.nullable(TaskError),
  createdAtMs: Millis,
  startedAtMs: z.nullable(Millis),
  /** Changes of its state between submission and end; absent until there are any. */
  events: z.optional(z.array(KeptEvent)),
  /** The trace that its submitter named. */
  trace: z.optional(z.string()),
  /** Experiments whose parameter was used on it. */
  exposures: z.optional(Exposures),
});

/** A task's head item. What a state needs is required by its variant. */
export const TaskRecord = z.discriminatedUnion("state", [
  z.extend(TaskBase, {
    state: z.literal("blocked"),
    waitingOn: z.array(Id),
    /** The dependency whose loss skips it, once those that may still fail it have ended. */
    skippedBy: z.optional(Id),
  }),
  z.extend(TaskBase, { state: z.literal("queued"), notBeforeMs: Millis }),
  z.extend(TaskBase, {
    state: z.literal("assigned"),
    owner: Owner,
    notBeforeMs: Millis,
    /** When it was last moved to another session while it waited. */
    movedAtMs: z.optional(Millis),
  }),
  z.extend(TaskBase, {
    state: z.literal("running"),
    owner: Owner,
    startedAtMs: Millis,
    timeoutAtMs: z.nullable(Millis),
    /** When its holder last reported progress of its own accord; beats are not counted. */
    progressAtMs: z.optional(Millis),
  }),
  z.extend(TaskBase, {
    state: z.literal("completed"),
    endedAtMs: Millis,
    result: PayloadRef,
    /** What the holder offers as proof, or null. */
    evidence: z.nullable(PayloadRef),
    /** What the result says that was used, if it lies elsewhere. */
    used: z.optional(Used),
    effectsPending: z.boolean(),
  }),
  z.extend(TaskBase, {
    state: z.literal("failed"),
    endedAtMs: Millis,
    error: TaskError,
    effectsPending: z.boolean(),
  }),
  z.extend(TaskBase, {
    state: z.literal("cancelled"),
    endedAtMs: Millis,
    lastHolder: z.nullable(z.object({ session: Id, epoch: Epoch, fence: Fence })),
    effectsPending: z.boolean(),
  }),
]);
export type TaskRecord = z.infer<typeof TaskRecord>;
export type TaskIn<S extends TaskRecord["state"]> = Extract<TaskRecord, { state: S }>;
export type OwnedTask = TaskIn<"assigned" | "running">;
export type EndedTask = TaskIn<"completed" | "failed" | "cancelled">;

/** A session's item: one start of an agent, and everything it holds. */
export const SessionRecord = z.object({
  ...Document,
  id: Id,
  host: Id,
  boot: Id,
  agent: z.string(),
  state: SessionState,
  epoch: Epoch,
  labels: Labels,
  capabilities: z.array(z.string()),
  capacity: z.int(),
  cwd: z.nullable(z.string()),
  /** Topics whose messages it reads; absent in what was written before there were messages. */
  topics: z.optional(z.array(z.string())),
  /** Task id to fence. Contains everything the session owns; its size is the session's load. */
  held: z.record(Id, Fence),
  /** Held task to the semaphores that may hold a permit for it: they are released before the task leaves `held`. */
  permits: z.optional(z.record(Id, z.array(z.string()))),
  /**
   * Held tasks the session no longer owns and must stop, and since when. They leave `held` once it has had time
   * to report them and does not.
   */
  stopping: z.record(Id, Millis),
  /** Whether it has ever listed a task since its start: kept here because Redis may forget it. */
  lists: z.optional(z.boolean()),
  /** Since when a report is wanted that was made later than this: what Redis has may be of before a loss. */
  askedAtMs: z.optional(z.nullable(Millis)),
  /** What it becomes once its tasks are requeued; null unless recovering. */
  endsAs: z.nullable(z.enum(["crashed", "ended"])),
  restartAsked: z.boolean(),
  restarts: z.int(),
  /** The API key it registered with: revoking it ends the renewal of tokens. */
  keyId: Id,
  /** Hash of the Idempotency-Key of the registration, so that repeating it is not a restart. */
  registration: z.nullable(z.string()),
  startedAtMs: Millis,
  lastBeatAtMs: z.nullable(Millis),
  endedAtMs: z.nullable(Millis),
  /** When it was given up, which comes before its end; absent while it lives. */
  givenUpAtMs: z.optional(Millis),
  /** Why it ended or crashed, for people. */
  cause: z.nullable(z.string()),
  /** How it ended; absent while it lives. */
  endedBy: z.optional(EndedBy),
  /** The start before this one, and how it ended; absent in a first start. */
  before: z.optional(
    z.object({
      epoch: Epoch,
      endedBy: z.optional(EndedBy),
      endedAtMs: z.nullable(Millis),
      lastBeatAtMs: z.nullable(Millis),
    }),
  ),
  /** The latest start whose work was finished: nothing of it, or of one before it, is left to go on with. */
  doneEpoch: z.optional(Epoch),
  /** What this start was given of what may be tuned, where it is not the default. */
  parameters: z.optional(ParameterValues),
  /** The variant of each experiment that this start, or its host, is in: met if the parameter is used. */
  variants: z.optional(Exposures),
  /** Those that it has met. */
  exposures: z.optional(Exposures),
});
export type SessionRecord = z.infer<typeof SessionRecord>;

/** A host: which boot of its supervisor counts, and that boot's sessions that have not ended. */
export const HostRecord = z.object({
  ...Document,
  id: Id,
  boot: Id,
  sessions: z.array(Id),
  registeredAtMs: Millis,
  /** How often this boot beats, where that is not the fleet's own profile: all of its sessions alike, as they share a heartbeat. */
  profile: z.optional(ProfileName),
});
export type HostRecord = z.infer<typeof HostRecord>;

export const FleetRecord = z.object({
  ...Document,
  profile: ProfileName,
  autoBalance: z.boolean(),
  /** How sessions are chosen; absent is `least-loaded`. */
  policy: z.optional(BalancePolicy),
  sessionsQuota: z.int(),
  openTasksQuota: z.int(),
  /** Whether the quota was used up when the repair last counted; more may have come in since. */
  sessionsFull: z.boolean(),
  openTasksFull: z.boolean(),
  /** Event topics to until when somebody may listen: renewed while a live session has subscribed. */
  eventTopics: z.optional(z.record(z.string(), Millis)),
  rules: z.optional(Rules),
  /**
   * How long tasks and sessions are kept from their end, and the longest that this ever was: lists of them are kept for
   * that long, because they hold some that ended under another.
   */
  retention: z.optional(z.object({ keptMs: Millis, longestMs: Millis })),
  /** Absent until the first proposal or choice. */
  tuning: z.optional(Tuning),
  createdAtMs: Millis,
});
export type FleetRecord = z.infer<typeof FleetRecord>;

/**
 * Who may work on tasks of one type or key at a time. A permit is of one tenure: task, session, fence. All of them are
 * in the sessions' `held`, so a permit is not longer lived than a session's hold on the task.
 */
export const SemaphoreRecord = z.object({
  ...Document,
  /** `type:NAME` or `key:NAME`. */
  id: z.string(),
  /** Task to session to fence. */
  permits: z.record(Id, z.record(Id, Fence)),
  /** Who was last given one. */
  lastSession: z.optional(Id),
});
export type SemaphoreRecord = z.infer<typeof SemaphoreRecord>;

/** What a session has shown: how long its attempts took and how many succeeded, by type of task. Outlives its starts. */
export const PerformanceRecord = z.object({
  ...Document,
  session: Id,
  types: z.array(
    z.object({
      type: z.string(),
      /** Attempts that it stands for, the older ones discounted. */
      weight: z.number(),
      meanMs: z.number(),
      /** Share of them that succeeded. */
      success: z.number(),
      seenAtMs: Millis,
    }),
  ),
  /** The latest attempts counted, as `task/fence`. */
  counted: z.array(z.string()),
});
export type PerformanceRecord = z.infer<typeof PerformanceRecord>;

/** A session's checkpoint. `rev` is its sequence: the newest is the document that the next one replaces, those before it are filed. */
export const CheckpointRecord = z.object({
  ...Document,
  session: Id,
  epoch: Epoch,
  trigger: z.string(),
  /** The held task that it is of, by the fence of its tenure. */
  task: z.nullable(z.object({ id: Id, fence: Fence })),
  /** Whether no checkpoint of its task came before it. */
  first: z.boolean(),
  /** How many its session's start has written, with this one. */
  ofStart: z.optional(z.int()),
  /** The state, kept before this names it. */
  body: PayloadRef,
  /** Stored bytes of the state. */
  bytes: z.int(),
  signals: z.nullable(z.record(z.string(), z.unknown())),
  atMs: Millis,
});
export type CheckpointRecord = z.infer<typeof CheckpointRecord>;

/** Which checkpoint is a task's latest, whoever made it. It only ever moves to a later tenure, or on in one. */
export const TaskCheckpointRecord = z.object({
  ...Document,
  task: Id,
  fence: Fence,
  session: Id,
  epoch: Epoch,
  sequence: z.int(),
  trigger: z.string(),
  body: PayloadRef,
  bytes: z.int(),
  signals: z.nullable(z.record(z.string(), z.unknown())),
  atMs: Millis,
  /** The first that was written of the task. */
  first: z.optional(z.object({ session: Id, sequence: z.int() })),
});
export type TaskCheckpointRecord = z.infer<typeof TaskCheckpointRecord>;

/** An API key. The secret itself is never kept, only its SHA-256. */
export const KeyRecord = z.object({
  ...Document,
  id: Id,
  scope: Scope,
  name: z.nullable(z.string()),
  secretHash: z.string(),
  createdAtMs: Millis,
  expiresAtMs: z.nullable(Millis),
  revokedAtMs: z.nullable(Millis),
});
export type KeyRecord = z.infer<typeof KeyRecord>;

/** Tasks by end state. `total` counts the members whatever their state. */
export const Totals = z.object({ total: z.int(), completed: z.int(), failed: z.int(), cancelled: z.int() });
export type Totals = z.infer<typeof Totals>;
export const EndState = z.enum(["completed", "failed", "cancelled"]);
export type EndState = z.infer<typeof EndState>;

/**
 * Up to 25 tasks of one group that were submitted together. A task's end adds its index to one of three sets,
 * which is idempotent; when all have ended, the whole is added to the group's totals once.
 */
export const SubmissionRecord = z.object({
  v: z.literal(1),
  fleet: Id,
  group: z.string(),
  id: Id,
  members: z.array(Id),
  completed: z.array(z.int()),
  failed: z.array(z.int()),
  cancelled: z.array(z.int()),
  /** Indexes that count no task: the submission was cut short and the task went elsewhere. */
  void: z.array(z.int()),
  /** What a redrive takes back from earlier submissions. */
  adjust: Totals,
  createdAtMs: Millis,
});
export type SubmissionRecord = z.infer<typeof SubmissionRecord>;

/** Totals of a group's rolled-up submissions. `open` while it has others. Group `-` is of tasks without one. */
export const GroupRecord = z.object({
  ...Document,
  group: z.string(),
  open: z.boolean(),
  totals: Totals,
  /** Submissions already in `totals` that are still filed as open: finish these first. */
  rolling: z.array(Id),
  /** The open submission after which the next roll-up goes on, if the last did not come to the end. */
  rollUpAfter: z.optional(z.nullable(Id)),
});
export type GroupRecord = z.infer<typeof GroupRecord>;

/** The sweep's lease and its last tick: one sweep at a time, and proof of how long none ran. */
export const SweepRecord = z.object({
  ...Document,
  holder: z.string(),
  untilMs: Millis,
  tickAtMs: Millis,
  /** Since when ticks have come without a gap. */
  upSinceMs: z.optional(Millis),
  /** Fleet the repair is at; null starts again with the first. */
  repairing: z.nullable(Id),
  /** Where the repair goes on in that fleet, per kind of document; null starts with its first page. */
  cursors: z.nullable(
    z.object({
      sessions: z.nullable(z.string()),
      tasks: z.nullable(z.string()),
      groups: z.nullable(z.string()),
      /** Live sessions and open tasks seen so far, to be held against the fleet's quota. */
      seen: z.object({ sessions: z.int(), tasks: z.int() }),
    }),
  ),
  /** A full pass is due, because Redis was lost. */
  rebuild: z.boolean(),
  /** When experiments were last guarded between nights. */
  guardedAtMs: z.optional(Millis),
});
export type SweepRecord = z.infer<typeof SweepRecord>;

/**
 * A message in its log. `rev` is its number there: 1, 2, 3 without a gap. The newest of a log is the document that
 * the next one replaces; those before it are filed one by one.
 */
export const MessageRecord = z.object({
  ...Document,
  /** Whom it is for: `session:ID`, `topic:NAME` or `*`. */
  log: z.string(),
  id: Id,
  from: z.string(),
  body: PayloadRef,
  /** Of the body, as UTF-8 JSON. */
  bytes: z.int(),
  sentAtMs: Millis,
  expiresAtMs: Millis,
});
export type MessageRecord = z.infer<typeof MessageRecord>;

/** Which number a message that may be sent again was last tried under: a repetition looks there first. */
export const TicketRecord = z.object({
  ...Document,
  id: Id,
  log: z.string(),
  number: z.int(),
  sentAtMs: Millis,
  expiresAtMs: Millis,
});
export type TicketRecord = z.infer<typeof TicketRecord>;

/** What a session has acknowledged; its name outlives its starts. */
export const InboxRecord = z.object({ ...Document, session: Id, positions: Positions });
export type InboxRecord = z.infer<typeof InboxRecord>;

/** One use of a tool: `unknown` until its outcome was heard, and for ever if it never is. */
export const JournalCall = z.object({
  /** The agent's own id of the call. */
  id: z.string(),
  name: z.string(),
  summary: z.string(),
  /** The held task that it was made for, if any, and the fence of that tenure. */
  taskId: z.nullable(Id),
  fence: z.optional(Fence),
  startedAtMs: Millis,
  endedAtMs: z.nullable(Millis),
  outcome: z.enum(["ok", "failed", "unknown"]),
});
export type JournalCall = z.infer<typeof JournalCall>;

/** The latest tool calls of a session's start, oldest first: each is noted before it runs, and again with its outcome. */
export const JournalRecord = z.object({
  ...Document,
  session: Id,
  /** Of the start whose calls these are. */
  epoch: Epoch,
  calls: z.array(JournalCall),
});
export type JournalRecord = z.infer<typeof JournalRecord>;

/** The answer to a request that carried an Idempotency-Key; sealed, because it may hold a secret. */
export const AnswerRecord = z.object({
  v: z.literal(1),
  fleet: Id,
  key: z.string(),
  requestHash: z.string(),
  answer: z.nullable(z.object({ status: z.int(), sealed: z.string() })),
  expiresAtMs: Millis,
});
export type AnswerRecord = z.infer<typeof AnswerRecord>;
