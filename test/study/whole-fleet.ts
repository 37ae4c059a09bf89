import type { ExperimentDetail, ExperimentsAnswer } from "../../shared/contract/experiment-routes.ts";
import type { SessionConfig } from "../../shared/contract/session.ts";
import { DAY_MS } from "../../shared/domain/experiments/day.ts";
import type { Draws } from "./draws.ts";

/** A fleet under a clock of its own, however it is reached: scripted sessions need no more of it. */
export type FleetDoor = {
  setMs(ms: number): void;
  register(id: string, host: string): Promise<StartedSession>;
  list(): Promise<ExperimentsAnswer>;
  show(id: string): Promise<ExperimentDetail>;
  /** What the nightly function does. */
  night(): Promise<void>;
  /** What the sweep does between nights. */
  guard(): Promise<void>;
};

export type StartedSession = {
  readonly config: SessionConfig;
  /** Tells that parameters under experiment were used. */
  tell(): Promise<void>;
  checkpoint(): Promise<void>;
  end(reason: "crashed" | "completed"): Promise<void>;
};

/** What sessions of a scripted fleet do, by what they were given. */
export type FleetScript = {
  readonly sessionsPerDay: number;
  readonly hosts: number;
  /** Chance that a session crashes. */
  readonly crashes: (intervalMs: number) => number;
  /** Between two of its checkpoints, in milliseconds. */
  readonly checkpointsEvery: (intervalMs: number) => number;
};

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Between two looks of the sweep at experiments; it really looks more often. */
const GUARD_EVERY_MS = 6 * HOUR_MS;
const NIGHT_AT_MS = 2 * HOUR_MS;

type Happening = { readonly atMs: number; readonly run: () => Promise<void> };

/** Lets a fleet live from day to day; after each night `done` says whether it has seen enough. */
export async function liveThrough(
  door: FleetDoor,
  script: FleetScript,
  draws: Draws,
  { startMs, days }: { startMs: number; days: number },
  done: (day: number) => Promise<boolean>,
): Promise<void> {
  const queue: Happening[] = [];
  const happen = (atMs: number, run: () => Promise<void>) => {
    const at = queue.findIndex((other) => other.atMs > atMs);
    queue.splice(at === -1 ? queue.length : at, 0, { atMs, run });
  };
  const until = async (ms: number) => {
    for (let next = queue[0]; next && next.atMs <= ms; next = queue[0]) {
      queue.shift();
      door.setMs(next.atMs);
      await next.run();
    }
    door.setMs(ms);
  };
  for (let day = 0; day < days; day++) {
    const dayMs = startMs + day * DAY_MS;
    for (let i = 0; i < script.sessionsPerDay; i++) {
      const beginMs = dayMs + Math.floor(draws.uniform() * DAY_MS);
      happen(beginMs, () => startSession(door, script, draws, `day-${day}-session-${i}`, beginMs, happen));
    }
    for (let atMs = dayMs; atMs < dayMs + DAY_MS; atMs += GUARD_EVERY_MS) happen(atMs, () => door.guard());
    await until(dayMs + NIGHT_AT_MS);
    await door.night();
    if (await done(day)) return;
    await until(dayMs + DAY_MS - 1);
  }
}

/** One session: 20 to 55 minutes, in which it makes checkpoints, and at whose end it crashes or not. */
async function startSession(
  door: FleetDoor,
  { hosts, crashes, checkpointsEvery }: FleetScript,
  draws: Draws,
  id: string,
  beginMs: number,
  happen: (atMs: number, run: () => Promise<void>) => void,
): Promise<void> {
  const session = await door.register(id, `host-${Math.floor(draws.uniform() * hosts)}`);
  const intervalMs = session.config.parameters?.checkpointIntervalMs ?? 10 * MINUTE_MS;
  if (session.config.experiments) await session.tell();
  const endMs = beginMs + Math.floor((20 + 35 * draws.uniform()) * MINUTE_MS);
  const isCrash = draws.uniform() < crashes(intervalMs);
  const everyMs = checkpointsEvery(intervalMs);
  // The last one is all that a crash can tell of.
  const lastMs = beginMs + Math.floor((endMs - beginMs - 1) / everyMs) * everyMs;
  if (isCrash && lastMs > beginMs) happen(lastMs, () => session.checkpoint());
  happen(endMs, () => session.end(isCrash ? "crashed" : "completed"));
}
