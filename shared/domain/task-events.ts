import { TASK_EVENTS_LIMIT } from "../contract/limits.ts";
import type { EndedBy, KeptEvent, TaskRecord } from "../contract/records.ts";
import type { TaskEvent } from "../contract/task.ts";

/** When a task changes its state, and why if the state itself does not say it. */
export type Occasion = {
  readonly nowMs: number;
  readonly reason?: string;
  /** If its session crashed: when that session's last beat was accepted, if known. */
  readonly lastBeatAtMs?: number | null;
  /** How the tenure that this ends came to its end. */
  readonly endedBy?: EndedBy | undefined;
};

/**
 * Adds to a task's events what `next` will not tell by itself once it has gone on. Submission and end are never added: the
 * head has their times, and bytes of the head are write units.
 */
export function withEvent<T extends TaskRecord>(previous: TaskRecord, next: T, occasion: Occasion): T {
  const kept = keptEvents(previous, next, occasion);
  return kept.length === 0 ? next : { ...next, events: kept.slice(-TASK_EVENTS_LIMIT) };
}

function keptEvents(previous: TaskRecord, next: TaskRecord, occasion: Occasion): readonly KeptEvent[] {
  const before = previous.events ?? [];
  if ("endedAtMs" in next) return before;
  const ended = "endedAtMs" in previous ? [endOf(previous)] : [];
  const event = eventOf(previous, next, occasion);
  const last = before.at(-1);
  // An assignment that starts at once is one event.
  const startsAtOnce = event.s === "running" && last?.s === "assigned" && last.t === event.t;
  return [...(startsAtOnce ? before.slice(0, -1) : before), ...ended, event];
}

function eventOf(previous: TaskRecord, next: TaskRecord, occasion: Occasion): KeptEvent {
  const owner = "owner" in next ? next.owner : "owner" in previous ? previous.owner : undefined;
  return {
    s: next.state,
    t: occasion.nowMs,
    ...(owner && { o: owner.session }),
    ...(next.state === "running" && { n: next.attempt }),
    ...(occasion.reason !== undefined && { c: occasion.reason }),
    ...(occasion.lastBeatAtMs != null && { b: occasion.lastBeatAtMs }),
    ...(previous.state === "running" && occasion.endedBy !== undefined && { e: occasion.endedBy }),
  };
}

function endOf(task: Extract<TaskRecord, { endedAtMs: number }>): KeptEvent {
  const holder = task.state === "cancelled" ? task.lastHolder?.session : lastHolderOf(task);
  return {
    s: task.state,
    t: task.endedAtMs,
    ...(holder !== undefined && { o: holder }),
    ...(task.error?.code !== undefined && { c: task.error.code }),
  };
}

const lastHolderOf = ({ events = [] }: TaskRecord): string | undefined =>
  events.findLast(({ s }) => s === "running")?.o;

/** Everything that happened to a task, in its order. Of very many changes only the latest are kept. */
export function eventsOf(task: TaskRecord): TaskEvent[] {
  const submitted: KeptEvent = { s: task.dependsOn.length > 0 ? "blocked" : "queued", t: task.createdAtMs };
  const events = [submitted, ...(task.events ?? []), ...("endedAtMs" in task ? [endOf(task)] : [])];
  let attempt = 0;
  return events.map(({ s, t, o = null, n, c = null }) => {
    attempt = n ?? attempt;
    return { at: new Date(t).toISOString(), state: s, sessionId: o, attempt, reason: c };
  });
}

/** What a task's logs are found by, from its submission to its end: the submitter's own trace, if it named one. */
export const correlationOf = ({ id, trace }: Pick<TaskRecord, "id" | "trace">): string => trace ?? id;

/**
 * How long a task that was taken from a crashed session did not run, in milliseconds: from that session's last beat to its
 * next start. Null if `next` is no such start.
 */
export function recoveredAfterMs(next: TaskRecord): number | null {
  if (next.state !== "running") return null;
  const events = next.events ?? [];
  const beatMs = lastBeatBefore(events, events.length - 1);
  return beatMs === null ? null : Math.max(0, next.startedAtMs - beatMs);
}

/** The last beat of the session that crashed between the start at this place and the one before it; null if none did. */
export function lastBeatBefore(events: readonly KeptEvent[], at: number): number | null {
  const before = events.slice(0, Math.max(0, at));
  const since = before.slice(before.findLastIndex(isStart) + 1);
  return since.findLast(({ b }) => b !== undefined)?.b ?? null;
}

/** A tenure of a task before this one, and how it came to its end. */
export type EarlierTenure = {
  readonly session: string;
  readonly startedAtMs: number;
  readonly endedBy: EndedBy;
  readonly endedAtMs: number;
  readonly lastBeatAtMs: number | null;
};

/** Who worked on a running task before its holder of now, the latest first, and how that ended; as far as it is kept. */
export function earlierTenures({ events = [] }: Pick<TaskRecord, "events">): EarlierTenure[] {
  const starts = events.flatMap((event, at) => (isStart(event) ? [at] : []));
  const tenures = starts.slice(0, -1).flatMap((began, i) => {
    const tenure = tenureOf(events.slice(began, starts[i + 1]));
    return tenure ? [tenure] : [];
  });
  return tenures.reverse();
}

/** A tenure by the events from its start until another's. */
function tenureOf([start, ...after]: readonly KeptEvent[]): EarlierTenure | null {
  const lost = after.find(({ o, s }) => s !== "assigned" && o === start?.o);
  if (start?.o === undefined || lost === undefined) return null;
  return {
    session: start.o,
    startedAtMs: start.t,
    endedBy: lost.e ?? ENDED_BY_CODE[lost.c ?? ""] ?? "exit",
    endedAtMs: lost.t,
    lastBeatAtMs: lost.b ?? null,
  };
}

const isStart = ({ s }: KeptEvent): boolean => s === "running";

/** Of events that were kept before they said how a tenure ended. What none of these took away, its holder gave up. */
const ENDED_BY_CODE: Readonly<Record<string, EndedBy>> = {
  "task.crash": "lost",
  "task.timeout": "timeout",
  "task.dropped": "unknown",
};
