/** What a worker did, for its last line. */
export type Tally = { completed: number; failed: number; dropped: number; released: number; crashes: number };

export function createTally(): Tally {
  return { completed: 0, failed: 0, dropped: 0, released: 0, crashes: 0 };
}
