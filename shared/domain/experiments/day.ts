/** How long a day is, in milliseconds. All days are of UTC. */
export const DAY_MS = 24 * 3_600_000;

/** The day that an instant belongs to: days since 1970, UTC. */
export function dayOf(atMs: number): number {
  return Math.floor(atMs / DAY_MS);
}
