import { JOURNAL_CALLS_LIMIT } from "../contract/limits.ts";
import type { JournalCall, JournalRecord } from "../contract/records.ts";
import { type Decision, UNCHANGED, commit } from "./decision.ts";

export type Begun = Pick<JournalCall, "id" | "name" | "summary" | "task">;

/**
 * Notes that a tool is about to run: until its outcome is noted, it may have run wholly, in part or not at all. A repetition
 * changes nothing.
 */
export function noteCall(
  journal: JournalRecord | null,
  place: Pick<JournalRecord, "fleet" | "session">,
  epoch: number,
  begun: Begun,
  nowMs: number,
): Decision<JournalRecord> {
  if (findCall(journal, epoch, begun.id)) return UNCHANGED;
  const call: JournalCall = { ...begun, startedAtMs: nowMs, endedAtMs: null, outcome: "unknown", epoch };
  const calls = [...(journal?.calls ?? []), call].slice(-JOURNAL_CALLS_LIMIT);
  return commit({ v: 1, rev: journal?.rev ?? 0, ...place, calls });
}

/** Notes how a tool call ended. The first that is told stands; of a call that is not known, or too long ago, nothing is kept. */
export function noteOutcome(
  journal: JournalRecord | null,
  epoch: number,
  id: string,
  outcome: "ok" | "failed",
  nowMs: number,
): Decision<JournalRecord> {
  const found = findCall(journal, epoch, id);
  if (!journal || found?.outcome !== "unknown") return UNCHANGED;
  const ended = { ...found, outcome, endedAtMs: nowMs };
  return commit({ ...journal, calls: journal.calls.map((call) => (call === found ? ended : call)) });
}

function findCall(journal: JournalRecord | null, epoch: number, id: string): JournalCall | undefined {
  return journal?.calls.find((call) => call.id === id && call.epoch === epoch);
}

/** The task that a start of a session worked on when it last used a tool; null if it held none, or several. */
export function lastTaskOf(journal: JournalRecord | null, epoch: number): JournalCall["task"] {
  return journal?.calls.findLast((call) => call.epoch === epoch)?.task ?? null;
}
