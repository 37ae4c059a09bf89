/**
 * Every Redis key is built here. Ids contain no `:`, so a key has one reading; a set of words (members.ts) may
 * contain it and comes last. What each key holds and how long is listed in docs/DATA.md.
 */

/** Sorted set: start of a session -> its deadline. Of all fleets, so that a beat is one command. */
export const DEADLINES_KEY = "shim:deadlines";
/** Sorted set: taken task with its place -> when the take expires. Of all fleets, so that the sweep asks once. */
export const TAKES_KEY = "shim:takes";
/** Set of fleets that have ready tasks. */
export const WAITING_KEY = "shim:waiting";
/** Sorted set: agenda entry -> when it is due. Of all fleets. */
export const AGENDA_KEY = "shim:agenda";
/** Sorted set of one member: when the sweep last finished a tick. */
export const STAMP_KEY = "shim:stamp";

export function desiredKey(fleet: string, session: string): string {
  return `shim:desired:${fleet}:${session}`;
}

export function reportedKey(fleet: string, session: string): string {
  return `shim:reported:${fleet}:${session}`;
}

/** What the sessions of a host said of their health in a minute. */
export function signalsKey(fleet: string, host: string, minute: number): string {
  return `shim:signals:${fleet}:${host}:${minute}`;
}

/** Set of the capability sets that any session with room has. */
export function roomsKey(fleet: string): string {
  return `shim:rooms:${fleet}`;
}

/** Sorted set: session with room and exactly these capabilities -> its load. */
export function roomKey(fleet: string, wordSet: string): string {
  return `shim:room:${fleet}:${wordSet}`;
}

/** Set of the requirement sets whose ready queue is not empty. */
export function queuesKey(fleet: string): string {
  return `shim:queues:${fleet}`;
}

/** Sorted set: ready task with exactly these requirements -> its order. */
export function queueKey(fleet: string, wordSet: string): string {
  return `shim:queue:${fleet}:${wordSet}`;
}

/** Sorted set: ready task that waits at a barrier, with its requirements -> its order. */
export function heldBackKey(fleet: string, barrier: string): string {
  return `shim:held-back:${fleet}:${barrier}`;
}

/** Hash: name of a running sum -> the sum; of a fleet, or (null) of the deployment. */
export function talliesKey(fleet: string | null): string {
  return fleet === null ? "shim:tallies" : `shim:tallies:${fleet}`;
}

export function apiKeyKey(fleet: string, keyId: string): string {
  return `shim:key:${fleet}:${keyId}`;
}

/** What a session reads, and how far it has acknowledged it. */
export function readingKey(fleet: string, session: string): string {
  return `shim:reading:${fleet}:${session}`;
}

/** What is newest among the messages to a session itself. */
export function ownLogKey(fleet: string, session: string): string {
  return `shim:own-log:${fleet}:${session}`;
}

/** The numbers of the newest messages of the logs that a fleet's sessions share. */
export function sharedLogsKey(fleet: string): string {
  return `shim:shared-logs:${fleet}`;
}
