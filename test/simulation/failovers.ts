/** What the control plane can know of an outage of Redis, for what it must not do after one. */
export type Failovers = ReturnType<typeof createFailovers>;

/** A sweep that runs beside another is in the middle of a tick for so long. */
const BESIDE_MS = 120_000;

export function createFailovers() {
  let cameBackMs = -Infinity;
  let failedOverMs = -Infinity;
  let unnoticedMs = -Infinity;
  let tickBeganMs = -Infinity;

  return {
    tickBegan(nowMs: number): void {
      tickBeganMs = nowMs;
    },
    /** Redis answers again after it was away for longer than a timeout, so that everybody's beats were refused. */
    cameBack(nowMs: number): void {
      cameBackMs = nowMs;
    },
    /** @param noticed whether a tick's stamp was lost: without that nobody can know */
    failedOver(noticed: boolean, nowMs: number): void {
      failedOverMs = nowMs;
      if (!noticed) unnoticedMs = nowMs;
    },
    cameBackMs: () => cameBackMs,
    /** Whether deadlines may be as short as lost beats made them: nobody could know, or the tick began before. */
    mayHaveShortened(ackedMs: number, besideMs: number): boolean {
      if (unnoticedMs >= ackedMs) return true;
      if (failedOverMs < ackedMs) return false;
      return tickBeganMs <= failedOverMs || besideMs > failedOverMs - BESIDE_MS;
    },
  };
}
