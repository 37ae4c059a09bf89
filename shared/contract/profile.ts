import * as z from "zod/mini";

/** How often a fleet's hosts beat and how soon silence counts as a crash. Set per fleet. */
export const ProfileName = z.enum(["standard", "fast"]);
export type ProfileName = z.infer<typeof ProfileName>;

export type Profile = {
  /** Between two beats of a host whose sessions are all busy. */
  readonly intervalMs: number;
  /** Between two beats of a host with room for more work. */
  readonly idleIntervalMs: number;
  /** Silence after which a session is given up. */
  readonly timeoutMs: number;
  /** Between two ticks of the sweep while a session of such a fleet lives. */
  readonly tickMs: number;
  /** Backoff before a task's second attempt; doubles with each further one. */
  readonly backoffBaseMs: number;
  /** Waiting this long is worth one step of priority. */
  readonly ageingStepMs: number;
};

export const PROFILES: Record<ProfileName, Profile> = {
  standard: {
    intervalMs: 10_000,
    idleIntervalMs: 5_000,
    timeoutMs: 30_000,
    tickMs: 5_000,
    backoffBaseMs: 1_000,
    ageingStepMs: 30_000,
  },
  fast: {
    intervalMs: 1_000,
    idleIntervalMs: 500,
    timeoutMs: 4_000,
    tickMs: 500,
    backoffBaseMs: 200,
    ageingStepMs: 3_000,
  },
};
