import { changeTuning } from "../../shared/operations/manage-tuning.ts";
import { stopExperiment } from "../../shared/operations/decide-experiment.ts";
import { startExperiment } from "../../shared/operations/start-experiment.ts";
import { FLEET, must } from "../fixtures/memory-world.ts";
import type { ExperimentsAnswer } from "../../shared/contract/experiment-routes.ts";
import type { Draws } from "./draws.ts";
import { atLeastRate, atMostRate, medianAtMost } from "./judge.ts";
import { createMemoryDoor } from "./memory-door.ts";
import type { Row } from "./row.ts";
import { ALPHA } from "./trial.ts";
import { type FleetScript, liveThrough } from "./whole-fleet.ts";

/**
 * Whole fleets: sessions register, use their parameters, make checkpoints and crash, through the operations that functions run; each
 * night the nightly function proposes, decides, ships and takes back.
 */

const MINUTE_MS = 60_000;
const DEFAULT_MS = 10 * MINUTE_MS;
const SESSIONS_PER_DAY = 60;
const HOSTS = 12;
/** Nights before somebody starts an experiment by hand: detectors and plans need a week. */
const HISTORY_NIGHTS = 8;
const DAYS = 45;

/** Lets a fleet live that starts its own proposals, a quarter of whose sessions crash, until `seen` says 1. */
async function livesByItself(
  draws: Draws,
  checkpointsEvery: FleetScript["checkpointsEvery"],
  seen: (answer: ExperimentsAnswer) => boolean,
): Promise<number> {
  const door = createMemoryDoor();
  must(await changeTuning(door.world.ports, FLEET, { mode: "auto" }));
  const script = { sessionsPerDay: SESSIONS_PER_DAY, hosts: HOSTS, crashes: () => 0.25, checkpointsEvery };
  let found = 0;
  await liveThrough(door, script, draws, { startMs: door.startMs, days: DAYS }, async () => {
    if (seen(await door.list())) found = 1;
    return found === 1;
  });
  return found;
}

/** 1 if a shorter interval was shipped by the engine itself, and sessions are given it. */
const improves = (draws: Draws): Promise<number> =>
  livesByItself(
    draws,
    (intervalMs) => intervalMs,
    ({ tuning }) =>
      tuning.parameters.some(
        ({ name, value }) => name === "checkpointIntervalMs" && Number(value) < DEFAULT_MS,
      ),
  );

/** 1 if anything was shipped to a fleet for which nothing makes any difference. */
const shipsNothing = (draws: Draws): Promise<number> =>
  livesByItself(
    draws,
    () => DEFAULT_MS,
    ({ experiments }) => experiments.some(({ state }) => state === "shipping" || state === "shipped"),
  );

/** Nights until what truly harms is rolled back; Infinity if it never is. */
async function harms(draws: Draws): Promise<number> {
  const door = createMemoryDoor();
  let id: string | undefined;
  let startedDay = 0;
  let nights = Infinity;
  await liveThrough(
    door,
    {
      sessionsPerDay: SESSIONS_PER_DAY,
      hosts: HOSTS,
      crashes: (intervalMs) => (intervalMs === DEFAULT_MS ? 0.05 : 0.15),
      checkpointsEvery: () => DEFAULT_MS,
    },
    draws,
    { startMs: door.startMs, days: DAYS },
    async (day) => {
      if (day === HISTORY_NIGHTS) {
        // What the engine has proposed meanwhile is turned down.
        for (const { id: waiting } of (await door.list()).experiments)
          must(await stopExperiment(door.world.ports, FLEET, waiting, {}));
        const request = {
          parameter: "checkpointIntervalMs",
          treatment: DEFAULT_MS / 2,
          effect: 30_000,
        } as const;
        id = must(await startExperiment(door.world.ports, FLEET, request)).experiment.id;
        startedDay = day;
      }
      if (id === undefined) return false;
      const { state } = await door.show(id);
      if (state === "rolled_back") nights = day - startedDay;
      return state !== "running";
    },
  );
  return nights;
}

export const FLEET_ROWS: readonly Row[] = [
  {
    property:
      "a whole fleet that loses work between checkpoints: a shorter interval is found, tried and shipped",
    run: improves,
    judge: (outcomes) => atLeastRate(outcomes, 0.8),
    part: 0.01,
  },
  {
    property: "a whole fleet whose treatment crashes 15 % of sessions and not 5 %: night of the roll-back",
    run: harms,
    judge: (outcomes) => medianAtMost(outcomes, 7),
    part: 0.025,
  },
  {
    property: "a whole fleet for which nothing makes a difference: anything shipped",
    run: shipsNothing,
    judge: (outcomes) => atMostRate(outcomes, ALPHA),
    part: 0.1,
  },
];
