/** Every limit of the system, each beside its unit. A value past a limit is refused, never cut. */

const KIB = 1024;
const MIB = 1024 * KIB;

/** Bytes of a request's body. */
export const BODY_BYTES_LIMIT = 5 * MIB;
/** Levels of nested arrays and objects in a request's body. */
export const BODY_DEPTH_LIMIT = 64;
/** Bytes of a task's `data`, as UTF-8 JSON. */
export const TASK_DATA_BYTES_LIMIT = 256 * KIB;
/** Bytes of a task's `result` (with its evidence), as UTF-8 JSON. */
export const TASK_RESULT_BYTES_LIMIT = 256 * KIB;
/** Tasks in one submission. */
export const SUBMIT_TASKS_LIMIT = 100;
/** Live sessions of one host, and so sessions in one heartbeat. */
export const HOST_SESSIONS_LIMIT = 100;
/** Live sessions of one fleet, unless the fleet's own quota says otherwise. */
export const FLEET_SESSIONS_QUOTA = 10_000;
/** Tasks of one fleet that have not ended, unless the fleet's own quota says otherwise. */
export const FLEET_OPEN_TASKS_QUOTA = 1_000_000;
/** Tasks a session holds at once when its registration names no capacity. */
export const SESSION_CAPACITY_DEFAULT = 3;
/** The largest capacity a session may register. */
export const SESSION_CAPACITY_LIMIT = 100;
/** Labels of one session. */
export const LABELS_LIMIT = 20;
/** Characters of a label's name and of its value. */
export const LABEL_CHARACTERS_LIMIT = 64;
/** Capabilities of a session, and of a task's `requires`. */
export const CAPABILITIES_LIMIT = 20;
/** Topics that a session subscribes to. */
export const TOPICS_LIMIT = 20;
/** Bytes of a message's `body`, as UTF-8 JSON. */
export const MESSAGE_BYTES_LIMIT = 64 * KIB;
/** How long a message is kept for those who have not read it, in milliseconds. */
export const MESSAGE_KEPT_MS = 24 * 3_600_000;
/** Bytes of bodies in one page of messages; a page has at least one message, whatever its size. */
export const MESSAGES_PAGE_BYTES_LIMIT = MIB;
/** Bytes of messages that a heartbeat's answer carries for one session; the rest is fetched. */
export const MESSAGES_BEAT_BYTES_LIMIT = 2 * KIB;
/** Topics of a fleet whose newest messages heartbeats know of. Those of others are found by reading. */
export const ANNOUNCED_LOGS_LIMIT = 200;
/** Direct dependencies of one task. */
export const DEPENDENCIES_LIMIT = 100;
/** Bytes of the results of its dependencies that a task is handed out with, as UTF-8 JSON; all together. */
export const INPUTS_BYTES_LIMIT = 256 * KIB;
/** Characters of a free-text message, reason or name. */
export const TEXT_CHARACTERS_LIMIT = 2_000;
/** Characters of an Idempotency-Key header. */
export const IDEMPOTENCY_KEY_CHARACTERS_LIMIT = 255;
/** How long an Idempotency-Key is remembered, in milliseconds. */
export const IDEMPOTENCY_KEPT_MS = 24 * 3_600_000;
/** Attempts of a task that names no `maxAttempts`. */
export const MAX_ATTEMPTS_DEFAULT = 3;
/** The largest `maxAttempts`. */
export const MAX_ATTEMPTS_LIMIT = 100;
/** Assignments of a task without a start in between; giving back the last of them is a dead letter. */
export const PLACEMENTS_LIMIT = 10;
/** Changes of a task's state, between its submission and its end, that its head keeps: the latest. */
export const TASK_EVENTS_LIMIT = 20;
/** Tasks in one submission item of the record. */
export const SUBMISSION_MEMBERS_LIMIT = 25;
/**
 * The lowest priority; 1 is the highest. Five levels span four ageing steps, so that a task outranks every
 * task made ready four steps after it, whatever their priorities.
 */
export const PRIORITY_LIMIT = 5;
/** Priority of a task that names none. */
export const PRIORITY_DEFAULT = 3;
/** The longest `timeoutMs` of a task. */
export const TASK_TIMEOUT_MS_LIMIT = 7 * 24 * 3_600_000;
/** Entries of one page of a listing, and of a progress summary's results. */
export const PAGE_LIMIT = 100;
/** Entries of one ready queue in Redis; the rest waits in the record. */
export const READY_QUEUE_LIMIT = 10_000;
/** The largest concurrency limit of a type or key: every permit is an entry of one item of the record. */
export const CONCURRENCY_LIMIT = 100;
/** How long what has ended is kept, from its end, in milliseconds: unless the fleet says otherwise, at least, at most. */
export const RETENTION_MS_DEFAULT = 30 * 24 * 3_600_000;
export const RETENTION_MS_MINIMUM = 24 * 3_600_000;
export const RETENTION_MS_LIMIT = 365 * 24 * 3_600_000;
/** Pauses and concurrency limits of one fleet, together: they are read with every hand-out. */
export const RULES_LIMIT = 100;
/** Bytes of a checkpoint's state before compression, as UTF-8 JSON. */
export const CHECKPOINT_BYTES_LIMIT = 5 * MIB;
/** Checkpoints of a session that are kept whatever they are of; of older ones, the first and the last of each task. */
export const CHECKPOINTS_KEPT = 20;
/** Estimated tokens of a resume brief's text, unless a fleet says otherwise. */
export const BRIEF_TOKENS_DEFAULT = 2_000;
/** Tool calls whose intent and outcome the record keeps for each session: the latest. */
export const JOURNAL_CALLS_LIMIT = 20;
/** Bytes of one session's signals that history keeps of a minute, as UTF-8 JSON: what decides the zone first. */
export const SIGNALS_KEPT_BYTES = 1_000;
/** How long signals are kept in the record, in milliseconds. */
export const SIGNALS_KEPT_MS = 14 * 24 * 3_600_000;
/** How long the record keeps units of experiments and detectors, in milliseconds. */
export const UNITS_KEPT_MS = 45 * 24 * 3_600_000;
/** How long the record keeps what each day's units came to, in milliseconds. */
export const ROLLUPS_KEPT_MS = 400 * 24 * 3_600_000;
