import type { SessionRecord, TaskRecord } from "../../shared/contract/records.ts";
import type { Complain } from "./laws.ts";

/** Beyond DESIGN's twenty: while nothing goes wrong, whoever works in a name that counts no more is soon told so. */
export const TOLD = 23;
/** Beyond DESIGN's twenty: while nothing goes wrong, no place is kept for what is not owned. */
export const PLACES = 24;
/** Beyond DESIGN's twenty: while nothing goes wrong, what runs longer than it may is soon taken. */
export const TIMEOUTS = 25;

/** Several calls of a function at their slowest, and the sweep's next ticks. */
const KEPT_MS = 15_000;
/** What is seen this long after a fault may come of it: whoever looks does so now and then. */
export const AFTERMATH_MS = 15_000;
/** Two beats, and a tick between them. */
const UNTOLD_MS = 35_000;

const isAlive = ({ state }: SessionRecord) => state === "live" || state === "draining";
const hasTimedOut = (task: TaskRecord, nowMs: number) =>
  task.state === "running" && task.timeoutAtMs !== null && task.timeoutAtMs < nowMs;

/** Since when something is so that should pass, and what to say if it has not passed for a while without any fault. */
function createOverdue(guarantee: number, limitMs: number, complain: Complain) {
  const since = new Map<string, number>();
  return {
    isEmpty: () => since.size === 0,
    passed: (key: string) => void since.delete(key),
    /** Forgets all that is not named here. */
    only(keys: ReadonlySet<string>): void {
      for (const key of since.keys()) if (!keys.has(key)) since.delete(key);
    },
    goesOn(key: string, calmSinceMs: number, nowMs: number): void {
      const fromMs = since.get(key) ?? nowMs;
      since.set(key, fromMs);
      if (fromMs > calmSinceMs + AFTERMATH_MS && nowMs - fromMs > limitMs)
        complain(guarantee, `${key} for ${nowMs - fromMs} ms, while nothing went wrong`);
    },
  };
}

/** Promises with a bound: what a repair mends in the end is late until then. */
export function createPromptness(complain: Complain) {
  const untold = createOverdue(TOLD, UNTOLD_MS, complain);
  const places = createOverdue(PLACES, KEPT_MS, complain);
  const timeouts = createOverdue(TIMEOUTS, KEPT_MS, complain);

  return {
    /** A beat of this epoch was answered. */
    answered(
      session: SessionRecord | null,
      beat: { readonly id: string; readonly epoch: number },
      stopped: boolean,
      calmSinceMs: (nowMs: number) => number,
      nowMs: number,
    ): void {
      const counts = session !== null && session.epoch === beat.epoch && isAlive(session);
      if ((stopped || counts) && untold.isEmpty()) return;
      const key = `${beat.id} beats with epoch ${beat.epoch}, which counts no more, and is not told so`;
      if (stopped || counts) untold.passed(key);
      else untold.goesOn(key, calmSinceMs(nowMs), nowMs);
    },
    audit(
      tasks: ReadonlyMap<string, TaskRecord>,
      sessions: ReadonlyMap<string, SessionRecord>,
      calmSinceMs: number,
      nowMs: number,
    ): void {
      const kept = new Set<string>();
      for (const session of sessions.values()) {
        if (!isAlive(session)) continue;
        for (const [id, fence] of Object.entries(session.held)) {
          const task = tasks.get(`${session.fleet}/${id}`);
          const owned = task && "owner" in task && task.owner.session === session.id && task.fence === fence;
          if (owned || id in session.stopping) continue;
          kept.add(`${session.id} keeps a place for ${id} (fence ${fence}), which it does not own,`);
        }
      }
      places.only(kept);
      for (const key of kept) places.goesOn(key, calmSinceMs, nowMs);
      const late = new Set<string>();
      for (const task of tasks.values())
        if (hasTimedOut(task, nowMs)) late.add(`${task.id} (fence ${task.fence}) runs on after its timeout`);
      timeouts.only(late);
      for (const key of late) timeouts.goesOn(key, calmSinceMs, nowMs);
    },
  };
}
