import type { EndedBy, SessionRecord } from "../contract/records.ts";
import type { RegisterRequest } from "../contract/session.ts";
import type { SessionState } from "../contract/session-state.ts";
import { SESSION_CAPACITY_DEFAULT } from "../contract/limits.ts";
import { assert } from "./assert.ts";
import { type Decision, UNCHANGED, commit, refused } from "./decision.ts";
import type { Tenure } from "./semaphore.ts";

/** The legal transitions of one session; `live` from an end is a restart, with a higher epoch. */
export const SESSION_TRANSITIONS: Readonly<Record<SessionState, readonly SessionState[]>> = {
  live: ["draining", "recovering"],
  draining: ["recovering"],
  recovering: ["crashed", "ended"],
  crashed: ["live"],
  ended: ["live"],
};

function enter(session: SessionRecord, state: SessionState, changes: Partial<SessionRecord>): SessionRecord {
  assert(
    SESSION_TRANSITIONS[session.state].includes(state),
    `session ${session.id}: ${session.state} -> ${state}`,
  );
  return { ...session, ...changes, state };
}

/** Whether a session may beat and work. */
export function isAlive(session: Pick<SessionRecord, "state">): boolean {
  return session.state === "live" || session.state === "draining";
}

/** How many tasks a session holds: its load. */
export function load(session: Pick<SessionRecord, "held">): number {
  return Object.keys(session.held).length;
}

/** How the start of a session that is over came to its end. */
export function endOf({ epoch, endedBy, endedAtMs, lastBeatAtMs }: SessionRecord): StartEnd {
  // Giving it up raised the epoch.
  return { epoch: epoch - 1, ...(endedBy && { endedBy }), endedAtMs, lastBeatAtMs };
}
export type StartEnd = NonNullable<SessionRecord["before"]>;

export type Registration = {
  readonly fleet: string;
  readonly id: string;
  readonly request: RegisterRequest;
  readonly keyId: string;
  /** Hash of the Idempotency-Key, or null. */
  readonly registration: string | null;
};

/** A first start, or a restart of a session that has ended; `previous` must not be alive or recovering. */
export function register(
  previous: SessionRecord | null,
  registration: Registration,
  nowMs: number,
): SessionRecord {
  const { request, fleet, id, keyId } = registration;
  const fresh = {
    v: 1 as const,
    rev: previous?.rev ?? 0,
    fleet,
    id,
    host: request.host,
    boot: request.boot,
    agent: request.agent,
    // Giving up the start before this one has raised it already, and no token was ever made for that epoch.
    epoch: previous?.epoch ?? 1,
    labels: request.labels ?? {},
    capabilities: [...new Set(request.capabilities ?? [])].sort(),
    capacity: request.capacity ?? SESSION_CAPACITY_DEFAULT,
    cwd: request.cwd ?? null,
    topics: [...new Set(request.topics ?? [])].sort(),
    held: {},
    stopping: {},
    lists: false,
    askedAtMs: null,
    endsAs: null,
    restartAsked: false,
    restarts: previous ? previous.restarts + 1 : 0,
    keyId,
    registration: registration.registration,
    startedAtMs: nowMs,
    lastBeatAtMs: null,
    endedAtMs: null,
    cause: null,
    ...(previous && { before: endOf(previous) }),
    ...(previous?.doneEpoch !== undefined && { doneEpoch: previous.doneEpoch }),
  };
  if (!previous) return { ...fresh, state: "live" };
  // How the start before ended is in `before` now: this one has not ended, and has met nothing.
  const {
    endedBy: _end,
    givenUpAtMs: _at,
    parameters: _given,
    variants: _in,
    exposures: _met,
    ...known
  } = previous;
  return enter(known, "live", fresh);
}

/** Why a request in the name of this epoch is refused, or null if it speaks for the session as it is. */
export function refuseEpoch(session: SessionRecord, epoch: number): ReturnType<typeof refused> | null {
  if (session.epoch !== epoch)
    return refused(
      "session.superseded",
      `Session ${session.id} was started again or given up since this token was made.`,
    );
  if (!isAlive(session))
    return refused(
      "session.ended",
      `Session ${session.id} has ${session.state === "recovering" ? "been given up" : session.state}.`,
    );
  return null;
}

/**
 * Keeps a place for a task before the task is written, so that `held` contains everything owned.
 *
 * @param semaphores those whose permits the task needs: noted before any is acquired
 */
export function reserve(
  session: SessionRecord,
  epoch: number,
  task: string,
  fence: number,
  semaphores: readonly string[] = [],
): SessionRecord | null {
  const free = session.state === "live" && session.epoch === epoch && load(session) < session.capacity;
  if (!free || task in session.held) return null;
  const next = { ...session, held: { ...session.held, [task]: fence } };
  return semaphores.length === 0
    ? next
    : { ...next, permits: { ...session.permits, [task]: [...semaphores] } };
}

/** The semaphores that may hold a permit for a held task. */
export function semaphoresOf(session: Pick<SessionRecord, "permits">, task: string): readonly string[] {
  return session.permits?.[task] ?? [];
}

/** Lets go of a task, whatever became of it. With `fence`, only of that tenure. */
export function letGo(session: SessionRecord, task: string, fence?: number): Decision<SessionRecord> {
  if (!(task in session.held) || (fence !== undefined && session.held[task] !== fence)) return UNCHANGED;
  const { [task]: _tenure, ...held } = session.held;
  const { [task]: _since, ...stopping } = session.stopping;
  if (!session.permits) return commit({ ...session, held, stopping });
  const { [task]: _semaphores, ...permits } = session.permits;
  return commit({ ...session, held, stopping, permits });
}

/**
 * A session as it is without one tenure, for whoever is about to put another in its place. Null if it does not have it, or
 * if permits must be released first.
 */
export function withoutPlace(session: SessionRecord, { task, fence }: Tenure): SessionRecord | null {
  if (semaphoresOf(session, task).length > 0) return null;
  const left = letGo(session, task, fence);
  return left.kind === "commit" ? left.next : null;
}

/** Marks a held task that the session no longer owns: it must stop working on it, and says so by its beats. */
export function mustStop(session: SessionRecord, task: string, nowMs: number): Decision<SessionRecord> {
  if (!(task in session.held) || task in session.stopping) return UNCHANGED;
  return commit({ ...session, stopping: { ...session.stopping, [task]: nowMs } });
}

/** It lists what it works on, so what it does not list it does not work on. */
export function noteListing(session: SessionRecord): Decision<SessionRecord> {
  return session.lists === true ? UNCHANGED : commit({ ...session, lists: true });
}

/** Wants a report that was made from now on; unchanged while one is wanted. */
export function askReport(session: SessionRecord, nowMs: number): Decision<SessionRecord> {
  return (session.askedAtMs ?? null) === null ? commit({ ...session, askedAtMs: nowMs }) : UNCHANGED;
}

/**
 * Takes the tasks away that a session was asked for and does not work on: unchanged if the question was answered, or
 * withdrawn because a claim has handed one of them out again. Whoever hands out again after this finds them stopping.
 */
export function takeAway(
  session: SessionRecord,
  askedAtMs: number,
  tasks: readonly string[],
  nowMs: number,
): Decision<SessionRecord> {
  if (session.askedAtMs !== askedAtMs) return UNCHANGED;
  const stopping = Object.fromEntries(tasks.filter((id) => id in session.held).map((id) => [id, nowMs]));
  return commit({ ...session, askedAtMs: null, stopping: { ...stopping, ...session.stopping } });
}

/** The report that was wanted has come, or is wanted no more. */
export function hearReport(session: SessionRecord): Decision<SessionRecord> {
  return (session.askedAtMs ?? null) === null ? UNCHANGED : commit({ ...session, askedAtMs: null });
}

export type GivingUp = {
  readonly endsAs: "crashed" | "ended";
  /** For people: what was seen. */
  readonly cause: string;
  /** When its last beat was accepted, if known. */
  readonly lastBeatAtMs: number | null;
  /** How it is known to have ended. */
  readonly endedBy?: EndedBy;
};

/**
 * Gives up one epoch of a session: the next write in its name is stale. Its tasks are still in `held`, to be
 * requeued one by one; `crashed` or `ended` follows when none is left.
 */
export function giveUp(
  session: SessionRecord,
  epoch: number,
  { endsAs, cause, lastBeatAtMs, endedBy = "unknown" }: GivingUp,
  nowMs: number,
): Decision<SessionRecord> {
  if (!isAlive(session) || session.epoch !== epoch) return UNCHANGED;
  const done = endedBy === "done" ? { doneEpoch: session.epoch } : {};
  const given = { epoch: session.epoch + 1, endsAs, cause, lastBeatAtMs, endedBy, givenUpAtMs: nowMs };
  return commit(enter(session, "recovering", { ...given, ...done }));
}

/** All tasks of a given-up session are requeued. */
export function finishRecovery(session: SessionRecord, nowMs: number): Decision<SessionRecord> {
  if (session.state !== "recovering" || load(session) > 0) return UNCHANGED;
  return commit(
    enter(session, session.endsAs ?? "crashed", { endedAtMs: nowMs, endsAs: null, stopping: {} }),
  );
}

/** Takes no more work; the agent ends it when what it holds is done. */
export function drain(session: SessionRecord): Decision<SessionRecord> {
  if (session.state === "draining") return UNCHANGED;
  if (session.state !== "live") return refused("session.ended", `Session ${session.id} is ${session.state}.`);
  return commit(enter(session, "draining", {}));
}

/** Asks the host to start the session again; moot once its epoch has risen. */
export function askRestart(session: SessionRecord): Decision<SessionRecord> {
  if (!isAlive(session)) return refused("session.ended", `Session ${session.id} is ${session.state}.`);
  return session.restartAsked ? UNCHANGED : commit({ ...session, restartAsked: true });
}
