/** Version, trace, span, flags, as W3C's Trace Context writes them. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}/;

/**
 * The trace that a request is part of, or null.
 *
 * @see W3C, "Trace Context", section 3.2 (traceparent)
 */
export function traceOf(traceparent: string | undefined): string | null {
  return TRACEPARENT.exec(traceparent ?? "")?.[1] ?? null;
}
