import { setTimeout as wait } from "node:timers/promises";

const POLL_MS = 200;

/** Polls until there is a value. Throws the signal's reason once it is raised. */
export async function eventually<T>(
  signal: AbortSignal,
  probe: () => T | undefined | Promise<T | undefined>,
  pollMs = POLL_MS,
): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    const value = await probe();
    if (value !== undefined) return value;
    await pause(pollMs, signal);
  }
}

/** Waits. Throws the signal's reason once it is raised. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => {
    signal.throwIfAborted();
  });
}
