import { setTimeout as wait } from "node:timers/promises";
import type { Measured } from "./measured.ts";
import type { MeteredCloud } from "./metered-cloud.ts";
import { invokedBy, storesOf } from "./each-of.ts";

/** While nobody lives, one in so many scheduled sweeps ticks; the others look whether that is still so. */
const IDLE_SWEEPS = 10;
/** Of a fleet with the fast profile, so that ticks need not be waited for; they do the same in every profile. */
const TICK_MS = 500;
const TICKS = 10;
/** Longer than the first tick, which compares the record with Redis and counts what fleets have. */
const FIRST_TICK_MS = 3_000;

/** The sweep that a schedule starts where nobody lives, on average. */
export async function measureIdleSweep(cloud: MeteredCloud): Promise<Measured["idleSweep"]> {
  await cloud.runSweep(); // The first finds a Redis that nobody has stamped.
  await cloud.take();
  await cloud.runSweep("wake"); // Ticks always, as it would at the end of ten minutes.
  for (let i = 1; i < IDLE_SWEEPS; i++) await cloud.runSweep();
  const taken = await cloud.take();
  const invoked = invokedBy(taken.use.invocations, IDLE_SWEEPS);
  return { ...storesOf(taken, IDLE_SWEEPS), logBytes: taken.logBytes / IDLE_SWEEPS, invoked };
}

/** A tick of the sweep that the first registration wakes. */
export async function measureTick(cloud: MeteredCloud): Promise<Measured["tick"]> {
  await cloud.ask("POST", "/v1/fleets", cloud.rootKey, { id: "fast", profile: "fast" });
  await cloud.ask("POST", "/v1/sessions", cloud.adminKey, { host: "quiet", boot: "boot1", agent: "cost" });
  await wait(FIRST_TICK_MS);
  await cloud.take();
  await wait(TICKS * TICK_MS);
  return storesOf(await cloud.take(), TICKS);
}
