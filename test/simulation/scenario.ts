import type { ProfileName } from "../../shared/contract/profile.ts";
import type { Random } from "./random.ts";

export const START_MS = Date.parse("2026-01-01T00:00:00Z");
export const HOUR_MS = 3_600_000;
/**
 * Of one simulation, sessions times hours, unless that takes too long: with the quiet end and with who is down about 20 on
 * average. The fast profile beats ten times as often.
 */
const AGENT_HOURS: Readonly<Record<ProfileName, number>> = { standard: 19.4, fast: 4.5 };
/** Small fleets would only watch the sweep tick. Longer than a token lives. */
const LONGEST_MS = 1.6 * HOUR_MS;
/** Fewer sessions for longer would only watch the sweep tick. */
const FAST_SESSIONS_LEAST = 20;
export const CAPABILITIES = ["gpu", "docs"];
/** What only a session that crashes whenever it was started can do. */
export const BRITTLE = "brittle";

export type Scenario = {
  readonly seed: number;
  readonly profile: ProfileName;
  readonly fleets: readonly string[];
  readonly hosts: number;
  readonly chatsPerHost: number;
  readonly horizonMs: number;
  readonly tasks: number;
  readonly meanMs: number;
  readonly suddenDeath: number;
  readonly repeated: number;
  readonly brittle: boolean;
  /** A thousand sessions lose their way to the control plane, and find it again at once. */
  readonly crowd: boolean;
};

/** How often a function dies at an effect even in good weather; now and then there is something in all of them. */
const SUDDEN_DEATH = 0.0004;
const FRAIL = 0.004;
/** How often a request comes twice; now and then there are clients that repeat every one. */
const REPEATED = 0.03;
/** Every so many seeds the profile is fast. */
const FAST_EVERY = 20;

/** Every so many seeds a thousand sessions come back at once. */
const CROWD_EVERY = 200;
const CROWD_AT = 57;
const CROWD = {
  hosts: 250,
  chatsPerHost: 4,
  fleets: ["default"],
  horizonMs: 240_000,
  tasks: 60,
  meanMs: 20_000,
};

/** What a seed is about: how many sessions for how long, how much work, which profile. */
export function planScenario(seed: number, random: Random): Scenario {
  const profile = seed % FAST_EVERY === 0 ? "fast" : "standard";
  const sessions = Math.round(random.magnitude(profile === "fast" ? FAST_SESSIONS_LEAST : 3, 200));
  const chatsPerHost = Math.max(
    2,
    Math.min(100, Math.round(random.magnitude(2, Math.max(3, sessions / 1.5)))),
  );
  const fleets = random.chance(0.2) ? ["default", "other"] : ["default"];
  const hosts = Math.max(1, Math.round(Math.max(2, sessions / chatsPerHost) / fleets.length)) * fleets.length;
  const horizonMs = Math.min(LONGEST_MS, (AGENT_HOURS[profile] * HOUR_MS) / (hosts * chatsPerHost));
  return {
    seed,
    profile,
    fleets,
    hosts,
    chatsPerHost,
    horizonMs,
    tasks: Math.round(random.magnitude(8, 140)),
    suddenDeath: random.chance(0.1) ? FRAIL : SUDDEN_DEATH,
    repeated: random.chance(0.05) ? 1 : REPEATED,
    brittle: random.chance(0.2),
    meanMs: random.magnitude(2_000, Math.max(10_000, Math.min(900_000, horizonMs / 10))),
    crowd: false,
    ...(seed % CROWD_EVERY === CROWD_AT ? { ...CROWD, crowd: true } : {}),
  };
}
