export type Backoff = { readonly baseMs: number; readonly capMs: number };

/** Full jitter: uniform between 0 and `baseMs` doubled `failures` times, at most `capMs`. Milliseconds. */
export function jitteredDelayMs({ baseMs, capMs }: Backoff, failures: number, uniform: () => number): number {
  return Math.round(uniform() * Math.min(capMs, baseMs * 2 ** Math.min(failures, 30)));
}
