const DAY_MS = 24 * 3_600_000;

/**
 * DynamoDB removes an item some days after it expired. What others still name, or are listed by, expires this much
 * later than they do, and so is never gone before them.
 */
export const REMOVAL_LAG_MS = 7 * DAY_MS;

/** Epoch seconds, as DynamoDB's TTL reads them. TTL only collects garbage: nothing is decided by it. */
export function toExpirySeconds(epochMs: number): number {
  return Math.ceil(epochMs / 1_000);
}
