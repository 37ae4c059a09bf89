import { jitteredDelayMs } from "../backoff.ts";

const HOUR_MS = 3_600_000;
const BACKOFF = { baseMs: 1_000, capMs: 60_000 };

export type RestartLimits = {
  /** Restarts of one session within an hour; after these it waits until the hour has room again. */
  readonly perHour: number;
};

/** What a session remembers of its crashes. Times are milliseconds of one clock. */
export type CrashHistory = {
  /** When it crashed within the last hour, oldest first. */
  readonly crashesMs: readonly number[];
  /** Crashes since it last finished a task. */
  readonly streak: number;
};

export const NO_CRASHES: CrashHistory = { crashesMs: [], streak: 0 };

export function recordCrash(history: CrashHistory, nowMs: number): CrashHistory {
  return {
    crashesMs: [...history.crashesMs.filter((atMs) => atMs > nowMs - HOUR_MS), nowMs],
    streak: history.streak + 1,
  };
}

/** A finished task ends the streak, so that a session which works is restarted at once again. */
export function recordSuccess(history: CrashHistory): CrashHistory {
  return { ...history, streak: 0 };
}

/**
 * How long to wait before the restart that follows the last recorded crash: not at all for the first of a
 * streak, then backoff with full jitter, and past the hourly cap until the oldest crash is an hour old.
 */
export function decideRestart(
  history: CrashHistory,
  limits: RestartLimits,
  nowMs: number,
  uniform: () => number,
): { readonly delayMs: number; readonly capped: boolean } {
  const recent = history.crashesMs.filter((atMs) => atMs > nowMs - HOUR_MS);
  const blocking = recent.at(-(limits.perHour + 1));
  if (blocking !== undefined) return { delayMs: blocking + HOUR_MS - nowMs, capped: true };
  if (history.streak <= 1) return { delayMs: 0, capped: false };
  return { delayMs: jitteredDelayMs(BACKOFF, history.streak - 2, uniform), capped: false };
}

/** The crashes of one session, and the restarts they allow. */
export type Restarts = {
  /** A task was completed. */
  succeeded(): void;
  crashed(nowMs: number): { readonly delayMs: number; readonly capped: boolean; readonly streak: number };
};

export function createRestarts(limits: RestartLimits, uniform: () => number = Math.random): Restarts {
  let history = NO_CRASHES;
  return {
    succeeded() {
      history = recordSuccess(history);
    },
    crashed(nowMs) {
      history = recordCrash(history, nowMs);
      return { ...decideRestart(history, limits, nowMs, uniform), streak: history.streak };
    },
  };
}
