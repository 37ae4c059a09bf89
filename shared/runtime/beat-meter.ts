import type { Clock, Metrics } from "../ports/ports.ts";

/** What an instance that takes beats counts of them. */
export type BeatMeter = {
  /** So many commands go to Redis. */
  commandsSent(count: number): void;
  /** A beat has ended, well or not. */
  beatEnded(): Promise<void>;
};

/** How often an instance that takes beats says what they cost, in milliseconds. */
const SAY_EVERY_MS = 60_000;

/** Counts the Redis commands of this instance's beats, and tells their average once a minute. */
export function createBeatMeter(metrics: Pick<Metrics, "note">, clock: Pick<Clock, "nowMs">): BeatMeter {
  let commands = 0;
  let beats = 0;
  let saidMs = clock.nowMs();
  return {
    commandsSent(count) {
      commands += count;
    },
    async beatEnded() {
      beats++;
      if (clock.nowMs() - saidMs < SAY_EVERY_MS) return;
      const average = commands / beats;
      [commands, beats, saidMs] = [0, 0, clock.nowMs()];
      await metrics.note(null, "RedisCommandsPerBeat", average);
    },
  };
}
