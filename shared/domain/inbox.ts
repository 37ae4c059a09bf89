import { MESSAGES_PAGE_BYTES_LIMIT, PAGE_LIMIT } from "../contract/limits.ts";
import { BROADCAST, type Message, Positions, sessionLog, topicLog } from "../contract/message.ts";
import { seal, unseal } from "./sealing.ts";
import type { SigningKeys } from "./tokens.ts";

/** The logs a session reads: its own, that of all, and those of its topics. */
export function logsOf(session: { readonly id: string; readonly topics?: readonly string[] | undefined }) {
  return [sessionLog(session.id), ...sharedLogsOf(session)];
}

/** Those of them that others read too. */
export function sharedLogsOf({ topics = [] }: { readonly topics?: readonly string[] | undefined }): string[] {
  return [BROADCAST, ...topics.map(topicLog)];
}

/** The further of both in each log: what was read stays read. */
export function furthest(a: Positions, b: Positions): Positions {
  const logs = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...logs].map((log) => [log, Math.max(a[log] ?? 0, b[log] ?? 0)]));
}

export function isFurther(a: Positions, than: Positions): boolean {
  return Object.entries(a).some(([log, number]) => number > (than[log] ?? 0));
}

export function positionsIn(positions: Positions, logs: readonly string[]): Positions {
  return Object.fromEntries(logs.map((log) => [log, positions[log] ?? 0]));
}

/** Far more than a session's positions take, and less than a header or a query may have. */
const CURSOR_CHARACTERS_LIMIT = 8_192;

const cursorContext = (fleet: string, session: string) => JSON.stringify(["messages", fleet, session]);

/** A cursor is positions, sealed for one session: elsewhere it does not open. */
export function sealPositions(
  keys: SigningKeys,
  fleet: string,
  session: string,
  positions: Positions,
): string {
  return seal(keys, JSON.stringify(positions), cursorContext(fleet, session));
}

/** Null if the cursor was not made here for this session. */
export function openPositions(
  keys: SigningKeys,
  fleet: string,
  session: string,
  cursor: string,
): Positions | null {
  if (cursor.length > CURSOR_CHARACTERS_LIMIT) return null;
  const text = unseal(keys, cursor, cursorContext(fleet, session));
  return text === null ? null : Positions.parse(JSON.parse(text));
}

type Filed = {
  readonly log: string;
  readonly rev: number;
  readonly bytes: number;
  readonly sentAtMs: number;
  readonly expiresAtMs: number;
};

/**
 * One page of several logs, each in its own order, the oldest message first. What has expired is passed over.
 *
 * @returns the messages, and how far each log is read with them
 */
export function pageOf<M extends Filed>(
  logs: readonly (readonly M[])[],
  nowMs: number,
): { readonly page: readonly M[]; readonly positions: Positions } {
  const page: M[] = [];
  const positions: Record<string, number> = {};
  const queues = logs.map((log) => [...log]);
  for (let bytes = 0; page.length < PAGE_LIMIT;) {
    for (const queue of queues)
      while (queue[0] && queue[0].expiresAtMs <= nowMs) {
        positions[queue[0].log] = queue[0].rev;
        queue.shift();
      }
    const [first] = queues
      .filter(({ length }) => length > 0)
      .sort(([a], [b]) => (a?.sentAtMs ?? 0) - (b?.sentAtMs ?? 0));
    const next = first?.[0];
    if (!first || !next || (page.length > 0 && bytes + next.bytes > MESSAGES_PAGE_BYTES_LIMIT)) break;
    first.shift();
    page.push(next);
    positions[next.log] = next.rev;
    bytes += next.bytes;
  }
  return { page, positions };
}

type HintView = {
  readonly reading: { readonly positions: Positions } | null;
  readonly own: {
    readonly rev: number;
    readonly expiresAtMs: number;
    readonly recent: readonly { readonly number: number; readonly message: Message }[];
  } | null;
  readonly shared: Readonly<Record<string, readonly [number: number, expiresAtMs: number]>>;
};

/** What a heartbeat says of unread messages: those it carries, up to which number of the own log, and if there are more. */
export type Unread = {
  readonly messages: readonly Message[];
  readonly upTo: number | null;
  readonly more: boolean;
};

/** What is unread as far as the hints know; null if nothing is, or if they do not know what the session has read. */
export function unreadOf({ reading, own, shared }: HintView, session: string, nowMs: number): Unread | null {
  if (!reading || (!own && Object.keys(shared).length === 0)) return null;
  const ownName = sessionLog(session);
  const more = Object.keys(reading.positions).some((log) => {
    const newest = shared[log];
    if (!newest || log === ownName) return false;
    return newest[0] > (reading.positions[log] ?? 0) && newest[1] > nowMs;
  });
  const read = reading.positions[ownName] ?? 0;
  if (!own || own.rev <= read || own.expiresAtMs <= nowMs)
    return more ? { messages: [], upTo: null, more } : null;
  const carried = own.recent.filter(({ number }) => number > read);
  // One that is not carried comes before those that are: they would overtake it.
  if (carried[0]?.number !== read + 1) return { messages: [], upTo: null, more: true };
  return { messages: carried.map(({ message }) => message), upTo: own.rev, more };
}
