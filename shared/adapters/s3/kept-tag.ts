const DAY_MS = 24 * 3_600_000;

/** The tag by which the bucket's lifecycle rules know what may go, and after how many days. */
export const KEPT_TAG = "shim-kept-days";
/** One lifecycle rule each, in infra/bucket.ts: rules are few, while each fleet has a retention of its own. */
export const KEPT_DAYS: readonly number[] = [8, 14, 37, 97, 372];

/** The first rule that keeps an object for at least so long after it was written. */
export function keptTag(keptMs: number): string {
  const days = KEPT_DAYS.find((kept) => kept * DAY_MS >= keptMs);
  if (days === undefined) throw new Error(`No lifecycle rule keeps an object for ${keptMs} ms.`);
  return `${KEPT_TAG}=${days}`;
}
