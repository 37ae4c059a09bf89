/** Calls that fail in a row before the circuit opens. Each has had its own retries. */
export const FAILURES_TO_OPEN = 3;
/** How long an open circuit refuses calls before it lets one try, in milliseconds; up to half as much again at random. */
export const OPEN_MS = 1_000;

export type CircuitBreaker = {
  /**
   * Makes a call, or refuses it at once by throwing `CircuitOpenError` while the circuit is open. After a while one call
   * is let through: if it is answered the circuit closes, if not it stays open for as long again.
   *
   * @param isFault whether an error says that the service does not answer; others are answers
   */
  call<T>(run: () => Promise<T>, isFault?: (error: unknown) => boolean): Promise<T>;
};

/** The service has not answered lately, so it was not asked. */
export class CircuitOpenError extends Error {
  override readonly name = "CircuitOpenError";

  constructor(failures: number) {
    super(`not asked: ${failures} calls in a row had no answer`);
  }
}

/**
 * Spares a service that does not answer, and spares callers the wait: without it, every request of an outage lasts as
 * long as its timeout and keeps a function busy, billed, and counted against the account's concurrency. The states are
 * those of Nygard's pattern (Release It!, 2nd ed., section 5.2): closed, open, half open.
 */
export function createCircuitBreaker(
  nowMs: () => number = () => performance.now(),
  uniform: () => number = Math.random,
): CircuitBreaker {
  let failures = 0;
  let openUntilMs = 0;
  let trying = false;

  return {
    async call(run, isFault = () => true) {
      const open = failures >= FAILURES_TO_OPEN;
      if (open && (trying || nowMs() < openUntilMs)) throw new CircuitOpenError(failures);
      trying = open;
      try {
        const answer = await run();
        failures = 0;
        return answer;
      } catch (error) {
        failures = isFault(error) ? failures + 1 : 0;
        openUntilMs = nowMs() + OPEN_MS * (1 + uniform() / 2);
        throw error;
      } finally {
        if (open) trying = false;
      }
    },
  };
}
