import { jitteredDelayMs } from "../backoff.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;
const BACKOFF = { baseMs: 1_000, capMs: 60_000 };
/** Crashes in a row, without a finished task in between, after which the breaker opens. */
export const BREAKER_STREAK = 5;
/** For how long it stays open before one restart is tried. */
export const BREAKER_OPEN_MS = 15 * MINUTE_MS;

/** A part of each day in minutes after midnight, local time, that may pass midnight: 22:00 to 07:00. */
export type QuietHours = { readonly fromMinute: number; readonly toMinute: number };

export type RestartLimits = {
  /** Restarts of one session within an hour; after these it waits until the hour has room again. */
  readonly perHour: number;
  /** Off: a session that crashed stays down. */
  readonly enabled?: boolean;
  /** When nothing is restarted by itself: nobody looks at what fails then. */
  readonly quietHours?: QuietHours | null;
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

/** A finished task ends the streak, so that a session which works is restarted at once again, and closes the breaker. */
export function recordSuccess(history: CrashHistory): CrashHistory {
  return { ...history, streak: 0 };
}

/** Why a restart waits, for people; `backoff` and `first` are what is normal. */
export type RestartReason = "first" | "backoff" | "cap" | "breaker" | "quiet hours";

export type RestartDecision =
  | { readonly kind: "restart"; readonly delayMs: number; readonly reason: RestartReason }
  | { readonly kind: "stay down"; readonly why: string };

export type RestartClock = {
  readonly nowMs: number;
  /** Minutes after midnight, where the supervisor runs. */
  readonly minuteOfDay: number;
  readonly uniform: () => number;
};

/**
 * Whether and when to restart after the last recorded crash. The longest of these waits counts: none after the first crash of a
 * streak, then backoff with full jitter; past the hourly cap until the oldest crash is an hour old; after too many in a row
 * until the breaker lets one try; in quiet hours until they end.
 */
export function decideRestart(
  history: CrashHistory,
  limits: RestartLimits,
  { nowMs, minuteOfDay, uniform }: RestartClock,
): RestartDecision {
  if (limits.enabled === false) return { kind: "stay down", why: "restarts are switched off" };
  const { streak, crashesMs } = history;
  const recent = crashesMs.filter((atMs) => atMs > nowMs - HOUR_MS);
  const blocking = recent.at(-(limits.perHour + 1));
  const waits: { readonly delayMs: number; readonly reason: RestartReason }[] = [
    streak <= 1
      ? { delayMs: 0, reason: "first" }
      : { delayMs: jitteredDelayMs(BACKOFF, streak - 2, uniform), reason: "backoff" },
    { delayMs: streak >= BREAKER_STREAK ? BREAKER_OPEN_MS : 0, reason: "breaker" },
    { delayMs: blocking === undefined ? 0 : blocking + HOUR_MS - nowMs, reason: "cap" },
    { delayMs: quietLeftMs(limits.quietHours ?? null, minuteOfDay), reason: "quiet hours" },
  ];
  const longest = waits.reduce((most, wait) => (wait.delayMs > most.delayMs ? wait : most));
  return { kind: "restart", ...longest };
}

/** How long quiet hours still last; 0 outside of them. */
function quietLeftMs(quiet: QuietHours | null, minuteOfDay: number): number {
  if (quiet === null) return 0;
  const { fromMinute, toMinute } = quiet;
  const since = (minuteOfDay - fromMinute + DAY_MINUTES) % DAY_MINUTES;
  const length = (toMinute - fromMinute + DAY_MINUTES) % DAY_MINUTES;
  return since < length ? (length - since) * MINUTE_MS : 0;
}

/** What a wait means, for people. */
export const RESTART_WORDS: Readonly<Record<RestartReason, string>> = {
  first: "restarts",
  backoff: "restarts",
  cap: "restarts later: too many crashes within an hour",
  breaker: `restarts later: the circuit breaker is open, ${BREAKER_STREAK} crashes in a row without a finished task`,
  "quiet hours": "restarts later: quiet hours",
};

/** The crashes of one session, and the restarts they allow. */
export type Restarts = {
  /** A task was completed. */
  succeeded(): void;
  crashed(nowMs: number): RestartDecision & { readonly streak: number };
};

export function createRestarts(
  limits: RestartLimits,
  uniform: () => number = Math.random,
  minuteOfDay: () => number = localMinuteOfDay,
): Restarts {
  let history = NO_CRASHES;
  return {
    succeeded() {
      history = recordSuccess(history);
    },
    crashed(nowMs) {
      history = recordCrash(history, nowMs);
      const clock = { nowMs, minuteOfDay: minuteOfDay(), uniform };
      return { ...decideRestart(history, limits, clock), streak: history.streak };
    },
  };
}

function localMinuteOfDay(): number {
  const now = new Date();
  return now.getHours() * 60 + now.getMinutes();
}
