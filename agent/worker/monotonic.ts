/**
 * Milliseconds of the machine's monotonic clock. It counts from boot, not from this process's start, so a
 * supervisor and its wrappers may compare values: a deadline stays right however long it lay in a pipe.
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
