import type { ExperimentRecord, ExposedUnit, UnitRecord } from "../contract/experiments.ts";
import type { DayRollup, NightReport } from "../contract/rollup.ts";
import type { SignalsMinute, ZoneChange } from "../contract/signals.ts";
import type {
  AnswerRecord,
  CheckpointRecord,
  EndState,
  FleetRecord,
  GroupRecord,
  HostRecord,
  InboxRecord,
  JournalRecord,
  KeyRecord,
  MessageRecord,
  PayloadRef,
  PerformanceRecord,
  SemaphoreRecord,
  SessionRecord,
  SubmissionRecord,
  SweepRecord,
  TaskCheckpointRecord,
  TaskRecord,
  TicketRecord,
} from "../contract/records.ts";

/**
 * The record: every fact whose loss would matter. Reads are strongly consistent unless a method says index.
 * Left out on purpose: tables, keys, expressions and transactions. An invariant is one document, and a change
 * of ownership is one `commit`.
 */
export interface RecordStore {
  readonly fleets: FleetStore;
  readonly keys: KeyStore;
  readonly hosts: HostStore;
  readonly sessions: SessionStore;
  readonly tasks: TaskStore;
  readonly edges: EdgeStore;
  readonly groups: GroupStore;
  readonly submissions: SubmissionStore;
  readonly payloads: PayloadStore;
  readonly answers: AnswerStore;
  readonly messages: MessageStore;
  readonly inboxes: InboxStore;
  readonly semaphores: SemaphoreStore;
  readonly performances: PerformanceStore;
  readonly signals: SignalStore;
  readonly checkpoints: CheckpointStore;
  readonly journals: JournalStore;
  readonly units: UnitStore;
  readonly rollups: RollupStore;
  readonly experiments: ExperimentStore;
  readonly sweep: { get(): Promise<SweepRecord | null>; commit: Commit<SweepRecord> };
}

/**
 * Writes `next` in place of `previous` (null: creates it) and returns what was written, its `rev` one higher;
 * returns null and writes nothing if the stored document is not of `previous`'s rev any more. A write whose
 * answer was lost and that is repeated by the client still counts as written, not as a conflict.
 */
export type Commit<T> = (previous: T | null, next: T) => Promise<T | null>;

/** One page of a listing: `cursor` is null at the end, else it continues there. It is a plain string. */
export type Page<T> = { readonly items: readonly T[]; readonly cursor: string | null };

export interface FleetStore {
  get(fleet: string): Promise<FleetRecord | null>;
  commit: Commit<FleetRecord>;
  list(): Promise<FleetRecord[]>;
}

export interface KeyStore {
  get(fleet: string, id: string): Promise<KeyRecord | null>;
  commit: Commit<KeyRecord>;
  list(fleet: string): Promise<KeyRecord[]>;
}

export interface HostStore {
  get(fleet: string, id: string): Promise<HostRecord | null>;
  commit: Commit<HostRecord>;
}

export interface SessionStore {
  get(fleet: string, id: string): Promise<SessionRecord | null>;
  /** Those that exist, in any order. Any number of ids. */
  getMany(fleet: string, ids: readonly string[]): Promise<SessionRecord[]>;
  commit: Commit<SessionRecord>;
  /** Index, eventually consistent: sessions live, draining or recovering (`live`), or crashed or ended (`past`). */
  list(fleet: string, which: "live" | "past", cursor: string | null, limit: number): Promise<Page<string>>;
}

export interface TaskStore {
  get(fleet: string, id: string): Promise<TaskRecord | null>;
  /** Those that exist, in any order. Any number of ids. */
  getMany(fleet: string, ids: readonly string[]): Promise<TaskRecord[]>;
  commit: Commit<TaskRecord>;
  /**
   * Removes one id from a blocked task's `waitingOn`, idempotently and safely against others doing the same,
   * and returns the task as it then is; null if there is no such task. Other states are returned unchanged.
   */
  strike(fleet: string, id: string, dependency: string): Promise<TaskRecord | null>;
  /**
   * Index, eventually consistent: ids of tasks that have not ended, or whose end has effects pending, in no
   * promised order.
   */
  listOpen(fleet: string, cursor: string | null, limit: number): Promise<Page<string>>;
  /** Index, eventually consistent: ids of failed tasks whose end has no effects pending, in an order that stays. */
  listDead(fleet: string, cursor: string | null, limit: number): Promise<Page<string>>;
}

/** Which tasks wait for a task. */
export interface EdgeStore {
  /** Adds an edge, or keeps one that was closed. */
  add(fleet: string, dependency: string, dependent: string): Promise<void>;
  /** The dependency has ended and these were told: their edges may be forgotten some time later. */
  close(fleet: string, dependency: string, dependents: readonly string[]): Promise<void>;
  list(fleet: string, dependency: string, cursor: string | null, limit: number): Promise<Page<string>>;
}

export interface GroupStore {
  get(fleet: string, group: string): Promise<GroupRecord | null>;
  commit: Commit<GroupRecord>;
  list(fleet: string, cursor: string | null, limit: number): Promise<Page<GroupRecord>>;
}

export interface SubmissionStore {
  /** Files it as open unless it is there already, open or closed. */
  add(submission: SubmissionRecord): Promise<void>;
  /**
   * Notes that the member at `index` ended so (`void`: that it counts no task). Repeating it changes nothing,
   * and so does noting it in a submission that is closed or unknown.
   */
  mark(fleet: string, group: string, id: string, index: number, end: EndState | "void"): Promise<void>;
  /**
   * In the order of their ids. The cursor is the id after which the page begins, so a listing may go on from any
   * id. In `all` a submission has one place, open or closed: being closed meanwhile, it is neither missed nor
   * listed twice.
   */
  list(
    fleet: string,
    group: string,
    which: "open" | "closed" | "all",
    cursor: string | null,
    limit: number,
  ): Promise<Page<SubmissionRecord>>;
  /** Moves an open submission to the closed ones. Repeating it changes nothing. */
  close(fleet: string, group: string, id: string): Promise<void>;
}

/**
 * Task data and results. `put` before the head that names it is committed; equal content may be put again. What is named
 * `result…` or `evidence…` is of an end that is about to be committed, and goes by itself, later than a task that ends now.
 */
export interface PayloadStore {
  put(fleet: string, task: string, name: string, value: unknown): Promise<PayloadRef>;
  /** The value; throws if a named item or object is missing. */
  get(fleet: string, task: string, ref: PayloadRef): Promise<unknown>;
  /** The task that names it has ended: it goes some time after the task. Repeating it changes nothing that matters. */
  close(fleet: string, task: string, ref: PayloadRef): Promise<void>;
}

export interface AnswerStore {
  get(fleet: string, key: string): Promise<AnswerRecord | null>;
  /** Keeps the first: returns what is stored, which is `answer` only if nothing answered was there before. */
  keep(answer: AnswerRecord): Promise<AnswerRecord>;
  /** Forgets a request that has no answer yet, because it was refused. An answer stays. */
  drop(fleet: string, key: string): Promise<void>;
}

/** Messages in logs, one log for each session, each topic and for all. */
export interface MessageStore {
  /** The newest message of each of these logs, in any order; a log that never had one is left out. */
  newest(fleet: string, logs: readonly string[]): Promise<MessageRecord[]>;
  /** Puts a message in the place of the newest, which must be filed before or is lost. Its `rev` is its number. */
  commit: Commit<MessageRecord>;
  /** Files a message under its number. Repeating it changes nothing. */
  put(message: MessageRecord): Promise<void>;
  /** The filed message of this number, or null; the newest is not filed. */
  filed(fleet: string, log: string, number: number): Promise<MessageRecord | null>;
  /** Filed messages with a number after `after`, in order. Those that expired may be left out. */
  range(fleet: string, log: string, after: number, limit: number): Promise<MessageRecord[]>;
  /** Keeps a body, before the message that names it is committed. */
  putBody(
    message: Pick<MessageRecord, "fleet" | "log" | "id" | "expiresAtMs">,
    json: string,
  ): Promise<PayloadRef>;
  /** The bodies of these messages, as JSON, in order; null if one has expired and is gone. */
  bodies(messages: readonly MessageRecord[]): Promise<(string | null)[]>;
  readonly tickets: {
    get(fleet: string, id: string): Promise<TicketRecord | null>;
    commit: Commit<TicketRecord>;
  };
}

export interface InboxStore {
  get(fleet: string, session: string): Promise<InboxRecord | null>;
  /** Those that exist, in any order. Any number of sessions. */
  getMany(fleet: string, sessions: readonly string[]): Promise<InboxRecord[]>;
  commit: Commit<InboxRecord>;
}

export interface SemaphoreStore {
  get(fleet: string, id: string): Promise<SemaphoreRecord | null>;
  /** Those that exist, in any order. Any number of ids. */
  getMany(fleet: string, ids: readonly string[]): Promise<SemaphoreRecord[]>;
  /** One without permits may be forgotten some time after its last change. */
  commit: Commit<SemaphoreRecord>;
}

export interface PerformanceStore {
  get(fleet: string, session: string): Promise<PerformanceRecord | null>;
  /** Those that exist, in any order. Any number of sessions. */
  getMany(fleet: string, sessions: readonly string[]): Promise<PerformanceRecord[]>;
  /** May be forgotten some time after its last change. */
  commit: Commit<PerformanceRecord>;
}

/** What sessions said of their health. Each goes after `SIGNALS_KEPT_MS`. */
export interface SignalStore {
  /** Puts a minute in the place of what is there of it. */
  putMinute(minute: SignalsMinute): Promise<void>;
  putZone(change: ZoneChange): Promise<void>;
  /** The first `limit` minutes of a host from `from` to `to`, both included, in order. */
  minutes(fleet: string, host: string, from: number, to: number, limit: number): Promise<SignalsMinute[]>;
  /** A session's first `limit` changes of zone after `afterMs`, to `toMs` included, in order. */
  zones(fleet: string, session: string, afterMs: number, toMs: number, limit: number): Promise<ZoneChange[]>;
}

/** Checkpoints of sessions, and which of them is a task's latest. */
export interface CheckpointStore {
  /** The newest of a session. */
  readonly latest: (fleet: string, session: string) => Promise<CheckpointRecord | null>;
  /** Puts a checkpoint in the place of the newest, which must be filed before or is lost. Its `rev` is its sequence. */
  commit: Commit<CheckpointRecord>;
  /** Files a checkpoint under its sequence. Repeating it changes nothing. */
  readonly file: (checkpoint: CheckpointRecord) => Promise<void>;
  /** The filed one of this sequence; the newest is not filed. */
  filed(fleet: string, session: string, sequence: number): Promise<CheckpointRecord | null>;
  /** A filed one, and its state, may be forgotten a day later. */
  release(checkpoint: CheckpointRecord): Promise<void>;
  /** Keeps a state, before the checkpoint that names it is committed; with the bytes that it takes. */
  putBody(fleet: string, session: string, json: string): Promise<{ ref: PayloadRef; bytes: number }>;
  /** The state as JSON; null if it has expired. */
  body(fleet: string, session: string, ref: PayloadRef): Promise<string | null>;
  readonly ofTask: {
    get(fleet: string, task: string): Promise<TaskCheckpointRecord | null>;
    commit: Commit<TaskCheckpointRecord>;
  };
}

/** The latest tool calls of each session. */
export interface JournalStore {
  get(fleet: string, session: string): Promise<JournalRecord | null>;
  /** May be forgotten some time after its last change. */
  commit: Commit<JournalRecord>;
}

/** Units that detectors and experiments count. Each goes after `UNITS_KEPT_MS`. */
export interface UnitStore {
  /** Files a unit under the day of its end. Repeating it changes nothing that matters. */
  file(unit: UnitRecord): Promise<void>;
  /** Units that ended on a day (since 1970, UTC), in no promised order. */
  ofDay(fleet: string, day: number, cursor: string | null, limit: number): Promise<Page<UnitRecord>>;
  /** Files a unit under its experiment and the day of its exposure, unless it is there. */
  expose(unit: ExposedUnit): Promise<void>;
  /** Files it with its outcome, in the place of what is there. */
  settle(unit: ExposedUnit): Promise<void>;
  /** Units that an experiment exposed on a day, in no promised order. */
  exposed(
    fleet: string,
    experiment: string,
    day: number,
    cursor: string | null,
    limit: number,
  ): Promise<Page<ExposedUnit>>;
}

/** What is kept of each day of a fleet, for `ROLLUPS_KEPT_MS`. */
export interface RollupStore {
  /** Puts a day in the place of what is there of it. */
  put(rollup: DayRollup): Promise<void>;
  /** Those that exist, in the order of their days. */
  getMany(fleet: string, days: readonly number[]): Promise<DayRollup[]>;
  /** Puts what a night found in the place of what an earlier one did. */
  putReport(report: NightReport): Promise<void>;
  report(fleet: string): Promise<NightReport | null>;
}

export interface ExperimentStore {
  get(fleet: string, id: string): Promise<ExperimentRecord | null>;
  commit: Commit<ExperimentRecord>;
  /** All of a fleet, the oldest first. */
  list(fleet: string): Promise<ExperimentRecord[]>;
}
