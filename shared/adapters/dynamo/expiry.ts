/** How long after its end the table keeps what has ended. */
const KEPT_AFTER_END_MS = 30 * 24 * 3_600_000;

/** Epoch seconds, as DynamoDB's TTL reads them. TTL only collects garbage: nothing is decided by it. */
export function toExpirySeconds(epochMs: number): number {
  return Math.ceil(epochMs / 1_000);
}

export function expiryAfterEnd(endedAtMs: number): number {
  return toExpirySeconds(endedAtMs + KEPT_AFTER_END_MS);
}
