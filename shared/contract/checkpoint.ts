import * as z from "zod/mini";
import { Epoch, Fence, Id, Instant, Word } from "./ids.ts";
import { RiskZone } from "./signals.ts";

/** What our own supervisor makes checkpoints for. Others may name another reason. */
export const CheckpointTrigger = z.enum([
  "session_start",
  "danger_zone",
  "warning_zone",
  "tool_calls",
  "interval",
  "pre_compact",
  "risky_operation",
  "milestone",
  "user_request",
  /** The agent's process ended without a word; its supervisor made this of what it had seen. */
  "crash",
  "session_end",
]);
export type CheckpointTrigger = z.infer<typeof CheckpointTrigger>;

/**
 * One use of a tool by an agent. `unknown`: its intent was recorded, and no outcome: it may have run wholly, in part or
 * not at all.
 */
export const ToolCall = z.looseObject({
  /** The agent's own id of the call. */
  id: z.string(),
  name: z.string(),
  /** What was to be done, on one line: a command, a path. Redacted. */
  summary: z.string(),
  startedAt: Instant,
  endedAt: z.optional(z.nullable(Instant)),
  outcome: z.enum(["ok", "failed", "unknown"]),
});
export type ToolCall = z.infer<typeof ToolCall>;

const Lines = z.optional(z.array(z.string()));
const Text = z.optional(z.nullable(z.string()));

/**
 * What an agent was doing, and what can be verified later, as far as a checkpoint's state has this shape. Every part may be
 * missing and may have more than is named here: agents differ, and one a version newer says more.
 */
export const CheckpointState = z.looseObject({
  conversation: z.optional(
    z.looseObject({
      summary: Text,
      decisions: Lines,
      context: Text,
      recent: z.optional(z.array(z.looseObject({ role: z.string(), text: z.string() }))),
    }),
  ),
  task: z.optional(
    z.looseObject({
      operation: Text,
      phase: Text,
      /** Of 100. */
      progress: z.optional(z.nullable(z.number())),
      done: Lines,
      next: Lines,
      blockers: Lines,
    }),
  ),
  files: z.optional(
    z.looseObject({
      active: Lines,
      modified: Lines,
      staged: Lines,
      untracked: Lines,
      /** A binary-safe `git diff` against HEAD, with untracked files; null where it is past the limit or holds a secret. */
      diff: Text,
    }),
  ),
  tools: z.optional(
    z.looseObject({ pending: z.optional(z.array(ToolCall)), recent: z.optional(z.array(ToolCall)) }),
  ),
  /** What a restorer compares the worktree with. */
  git: z.optional(
    z.looseObject({
      head: Text,
      branch: Text,
      /** Top of the worktree, as a path on `host`. */
      worktree: Text,
      /** SHA-256 of the uncommitted diff, in hex, before anything was redacted or cut. */
      diffHash: Text,
    }),
  ),
  /** Where the agent's own session lies, should it be intact. */
  agent: z.optional(
    z.looseObject({ kind: Text, host: Text, cwd: Text, sessionId: Text, transcriptPath: Text }),
  ),
  preferences: z.optional(z.record(z.string(), z.unknown())),
});
export type CheckpointState = z.infer<typeof CheckpointState>;

/** What a session says of its health, by name; `shared/contract/risk.ts` knows those that decide its zone. */
export const Signals = z.record(z.string(), z.unknown());
export type Signals = z.infer<typeof Signals>;

/** POST /v1/sessions/{id}/checkpoints */
export const CheckpointRequest = z.strictObject({
  trigger: Word,
  /** The held task that it is of, with the fence of its tenure. */
  taskId: z.optional(Id),
  fence: z.optional(Fence),
  /** Any JSON. What is shaped as `CheckpointState` makes the resume brief. */
  state: z.unknown(),
  signals: z.optional(Signals),
});
export type CheckpointRequest = z.infer<typeof CheckpointRequest>;

/** `bytes`: of the stored state, compressed. */
export const CheckpointWritten = z.object({ sequence: z.int(), bytes: z.int() });
export type CheckpointWritten = z.infer<typeof CheckpointWritten>;

export const Checkpoint = z.object({
  sessionId: Id,
  epoch: Epoch,
  /** Rises by one or more with each checkpoint of the session, over all its starts. */
  sequence: z.int(),
  trigger: z.string(),
  taskId: z.nullable(Id),
  at: Instant,
  bytes: z.int(),
  state: z.unknown(),
  signals: z.nullable(Signals),
});
export type Checkpoint = z.infer<typeof Checkpoint>;
export const CheckpointAnswer = z.object({ checkpoint: Checkpoint });

/** How the work that is to be resumed came to its end. */
export const ResumeCause = z.enum(["crash", "timeout", "exit", "unknown"]);
export type ResumeCause = z.infer<typeof ResumeCause>;

/** What a successor is told of unfinished work. `text` is all of it within the token budget, for an agent's prompt. */
export const ResumeBrief = z.looseObject({
  taskId: z.nullable(Id),
  cause: ResumeCause,
  /** How sure it is that there is something to go on with, 0 to 1. */
  confidence: z.number(),
  /** The checkpoint that it was made of; null where only tool calls are known. */
  checkpoint: z.nullable(
    z.looseObject({
      sessionId: Id,
      sequence: z.int(),
      trigger: z.string(),
      at: Instant,
    }),
  ),
  situation: z.string(),
  done: z.array(z.string()),
  next: z.array(z.string()),
  blockers: z.array(z.string()),
  files: z.array(z.string()),
  /** Tool calls that may have run wholly, in part or not at all. */
  unknown: z.array(ToolCall),
  git: z.nullable(z.looseObject({ head: Text, branch: Text, worktree: Text, diffHash: Text })),
  agent: z.nullable(
    z.looseObject({ kind: Text, host: Text, cwd: Text, sessionId: Text, transcriptPath: Text }),
  ),
  text: z.string(),
});
export type ResumeBrief = z.infer<typeof ResumeBrief>;
export const ResumeAnswer = z.object({ resume: z.nullable(ResumeBrief) });

/** A session's signals at one time. */
export const SignalsPoint = z.looseObject({
  at: Instant,
  zone: z.nullable(RiskZone),
  /** Null where only the change of zone is known. */
  signals: z.nullable(Signals),
});
export type SignalsPoint = z.infer<typeof SignalsPoint>;
export const SignalsAnswer = z.object({ signals: z.array(SignalsPoint), cursor: z.nullable(z.string()) });
