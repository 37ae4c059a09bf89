/** The longest backoff, in milliseconds. */
export const BACKOFF_LIMIT_MS = 5 * 60_000;

/**
 * Milliseconds to wait before the attempt after `attempt`: uniform between 0 and base * 2^(attempt - 1), capped
 * ("full jitter", AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).
 *
 * @param attempt attempts started so far, from 1
 * @param uniform a number in [0, 1)
 */
export function fullJitterMs(attempt: number, baseMs: number, uniform: number): number {
  const ceilingMs = Math.min(BACKOFF_LIMIT_MS, baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.floor(uniform * (ceilingMs + 1));
}
