import { monotonicMs } from "./monotonic.ts";

/** One timer that can be moved. Times are monotonic. */
export type Pulse = {
  at(ms: number): void;
  /** Moves it to then, unless it strikes earlier. */
  atOrBefore(ms: number): void;
  /** When it strikes next; infinite before it was first set. */
  nextAtMs(): number;
  readonly stop: () => void;
};

/** Calls `strike` once each time it is set. With `ref`, it keeps the process alive until then. */
export function createPulse(strike: () => void, ref: boolean): Pulse {
  let nextAtMs = Infinity;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function at(ms: number): void {
    nextAtMs = ms;
    clearTimeout(timer);
    if (stopped) return;
    timer = setTimeout(strike, Math.max(0, ms - monotonicMs()));
    if (!ref) timer.unref();
  }

  return {
    at,
    atOrBefore: (ms) => {
      at(Math.min(nextAtMs, ms));
    },
    nextAtMs: () => nextAtMs,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
