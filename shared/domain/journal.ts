import { JOURNAL_CALLS_LIMIT } from "../contract/limits.ts";
import type { JournalCall, JournalRecord } from "../contract/records.ts";
import { type Decision, UNCHANGED, commit } from "./decision.ts";

export type Begun = Pick<JournalCall, "id" | "name" | "summary" | "taskId" | "fence">;

/** The start of a session that a journal is of. */
export type Start = Pick<JournalRecord, "fleet" | "session" | "epoch">;

/**
 * Notes that a tool is about to run: until its outcome is noted, it may have run wholly, in part or not at all. A repetition
 * changes nothing. The first call of a start begins the journal anew; an older start adds nothing any more.
 */
export function noteCall(
  journal: JournalRecord | null,
  start: Start,
  begun: Begun,
  nowMs: number,
): Decision<JournalRecord> {
  if (journal && journal.epoch > start.epoch) return UNCHANGED;
  const before = journal?.epoch === start.epoch ? journal.calls : [];
  if (before.some(({ id }) => id === begun.id)) return UNCHANGED;
  const call: JournalCall = { ...begun, startedAtMs: nowMs, endedAtMs: null, outcome: "unknown" };
  return commit({
    v: 1,
    rev: journal?.rev ?? 0,
    ...start,
    calls: [...before, call].slice(-JOURNAL_CALLS_LIMIT),
  });
}

/** Notes how a tool call ended. The first that is told stands; of a call that is not known, or too long ago, nothing is kept. */
export function noteOutcome(
  journal: JournalRecord | null,
  epoch: number,
  id: string,
  outcome: "ok" | "failed",
  nowMs: number,
): Decision<JournalRecord> {
  if (journal?.epoch !== epoch) return UNCHANGED;
  const found = journal.calls.find((call) => call.id === id);
  if (found?.outcome !== "unknown") return UNCHANGED;
  const ended = { ...found, outcome, endedAtMs: nowMs };
  return commit({ ...journal, calls: journal.calls.map((call) => (call === found ? ended : call)) });
}

/** The task that a start of a session worked on when it last used a tool; null if it held none, or several. */
export function lastTaskOf(
  journal: JournalRecord | null,
  epoch: number,
): { readonly id: string; readonly fence: number } | null {
  const last = journal?.epoch === epoch ? journal.calls.at(-1) : undefined;
  return last?.taskId != null && last.fence !== undefined ? { id: last.taskId, fence: last.fence } : null;
}
