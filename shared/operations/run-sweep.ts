import type { FleetRecord, SweepRecord } from "../contract/records.ts";
import type { Ports } from "../ports/ports.ts";
import { StoreUnavailable, failureOf } from "../ports/unavailable.ts";
import { guardExperiments } from "./guard-experiments.ts";
import { DEFAULT_FLEET, beatProfileOf } from "./fleet-of.ts";
import { measureFleets } from "./measure-fleets.ts";
import { type Repair, type Tick, allFleets, livesOrLost, sweepTick } from "./sweep-tick.ts";

/**
 * How long one run goes on ticking. Longer than the minute between two schedules, which may come late: the next
 * run takes over from this one, so that no gap opens between them.
 */
export const SWEEP_RUN_MS = 100_000;
/** How often a run that takes over looks whether the other's tick is done, and how often at most. */
const TAKE_OVER_LOOKS_A_TICK = 5;
const TAKE_OVER_LOOKS = 15;
/** When one page was not enough: a thousand sessions that went silent at once do not wait ten ticks. */
const MORE_AFTER_MS = 100;
/** Between two counts of what fleets have. A run that takes over counts at once, as the last did a minute ago. */
const MEASURE_EVERY_MS = 60_000;
/** Between two looks whether experiments do harm: each reads the units of the last days. */
const GUARD_EVERY_MS = 15 * 60_000;
/** While nobody lives, scheduled runs only look whether that is still so: a tick costs Redis four times as many commands. */
const IDLE_TICK_EVERY_MS = 600_000;
/** Ticks that are later than this mean that schedules were missed. */
const UP_GAP_MS = 150_000;
/** A lease that was not renewed for this long is of a sweep that died. */
const LEASE_MS = 15_000;

/**
 * Ticks until the time is up, another run takes over, or nothing lives and nothing waits.
 *
 * @param why `schedule` takes over from a running sweep; `wake` leaves a sweep alone that ticks as it should
 */
export async function runSweep(
  ports: Ports,
  why: "schedule" | "wake",
): Promise<{ ticks: number; ended: "idle" | "overtaken" | "time" }> {
  const holder = ports.chance.id();
  const startedMs = ports.clock.nowMs();
  let held = await ports.record.sweep.get();
  if (why === "schedule" && (await isStillIdle(ports, held))) return { ticks: 0, ended: "idle" };
  if (why === "wake" && isRunning(ports, held)) return { ticks: 0, ended: "overtaken" };
  if (isRunning(ports, held)) held = await takeOver(ports, holder);
  let failed = false;
  let lastRepairMs = 0;
  let measuredMs = 0;
  let guardedAtMs = held?.guardedAtMs ?? 0;
  for (let ticks = 0; ; ticks++) {
    const nowMs = ports.clock.nowMs();
    if (nowMs - startedMs >= SWEEP_RUN_MS) return { ticks, ended: "time" };
    const previousMs = held?.tickAtMs ?? 0;
    const repairBefore: Repair = held ?? { repairing: null, cursors: null, rebuild: true };
    held = await ports.record.sweep.commit(held, {
      ...leased(held, holder, nowMs, repairBefore),
      guardedAtMs,
    });
    if (!held) return { ticks, ended: "overtaken" };
    const fleets = await allFleets(ports);
    const result = await guarded(
      ports,
      { nowMs, previousMs, repair: repairBefore, failed, lastRepairMs },
      fleets,
    );
    failed = result === null;
    if (result) lastRepairMs = result.lastRepairMs;
    if (result?.busy && nowMs - measuredMs >= MEASURE_EVERY_MS) {
      await measureFleets(ports, fleets);
      measuredMs = nowMs;
    }
    if (result?.busy && nowMs - guardedAtMs >= GUARD_EVERY_MS) {
      await guardExperiments(ports, fleets);
      guardedAtMs = nowMs;
    }
    const idle = result?.busy === false;
    held = await keepRepair(ports, held, result?.repair ?? repairBefore, idle);
    if (!held) return { ticks: ticks + 1, ended: "overtaken" };
    // Once more after the lease was given up. Whoever registers sets its deadline first and then looks for a lease:
    // so either it finds none and wakes a sweep, or this finds its deadline.
    if (idle && !(await livesOrLost(ports))) return { ticks: ticks + 1, ended: "idle" };
    const tickMs = Math.min(...fleets.map((fleet) => beatProfileOf(fleet).tickMs));
    const pauseMs = result?.more ? MORE_AFTER_MS : nowMs + tickMs - ports.clock.nowMs();
    await ports.clock.wait(Math.max(0, pauseMs));
  }
}

const isRunning = ({ clock }: Ports, held: SweepRecord | null): held is SweepRecord =>
  held !== null && held.untilMs > clock.nowMs();

/**
 * Whether nothing was to be done at the end of the latest tick, and nothing has come since. Whoever registers sets a deadline
 * first and then wakes a sweep, so that it need not be seen here.
 */
async function isStillIdle(ports: Ports, held: SweepRecord | null): Promise<boolean> {
  const { agenda, registry, clock } = ports;
  if (!held || !isGivenUp(held) || clock.nowMs() - held.tickAtMs >= IDLE_TICK_EVERY_MS) return false;
  const looks = [isStamped(ports, held), isZero(() => agenda.count()), isZero(() => registry.count())];
  return (await Promise.all(looks)).every(Boolean);
}

const isZero = (count: () => Promise<number>): Promise<boolean> =>
  unlessAway(async () => (await count()) === 0);

/** Whether the sweep that ticked last gave up its lease because nothing was left to do. */
const isGivenUp = ({ untilMs }: SweepRecord): boolean => untilMs === 0;

/**
 * Takes the lease of a running sweep between two of its ticks. Within one, its missing stamp would look like an
 * outage, and everybody would be pardoned. One that does not get to the end of a tick is taken over anyway.
 *
 * @returns the lease as it then is: this run's, or free, or lost to yet another run
 */
async function takeOver(ports: Ports, holder: string): Promise<SweepRecord | null> {
  const fleets = await allFleets(ports);
  const pauseMs = Math.min(...fleets.map((fleet) => beatProfileOf(fleet).tickMs)) / TAKE_OVER_LOOKS_A_TICK;
  let held = await ports.record.sweep.get();
  for (let looks = 0; isRunning(ports, held) && held.holder !== holder; looks++) {
    if (looks >= TAKE_OVER_LOOKS || (await isStamped(ports, held)))
      held = (await ports.record.sweep.commit(held, { ...held, holder })) ?? (await ports.record.sweep.get());
    else {
      await ports.clock.wait(pauseMs);
      held = await ports.record.sweep.get();
    }
  }
  return held;
}

/** Whether the latest tick got to its end. */
const isStamped = ({ agenda }: Ports, { tickAtMs }: SweepRecord): Promise<boolean> =>
  unlessAway(async () => ((await agenda.stamp()) ?? -Infinity) >= tickAtMs);

/** False also if the store does not answer: the tick that follows says so. */
async function unlessAway(look: () => Promise<boolean>): Promise<boolean> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof StoreUnavailable) return false;
    throw error;
  }
}

function leased(held: SweepRecord | null, holder: string, nowMs: number, repair: Repair): SweepRecord {
  const { repairing, cursors, rebuild } = repair;
  return {
    v: 1,
    rev: held?.rev ?? 0,
    fleet: DEFAULT_FLEET,
    holder,
    untilMs: nowMs + LEASE_MS,
    tickAtMs: nowMs,
    upSinceMs: held && isWithinGap(held, nowMs) ? (held.upSinceMs ?? nowMs) : nowMs,
    repairing,
    cursors,
    rebuild,
  };
}

/** Whether no tick was missed since the latest. An idle one is followed by looks that leave no trace. */
function isWithinGap(held: SweepRecord, nowMs: number): boolean {
  const restMs = isGivenUp(held) ? IDLE_TICK_EVERY_MS : 0;
  return nowMs - held.tickAtMs < restMs + UP_GAP_MS;
}

/** A tick during which a store does not answer is a failed one: the next that succeeds treats it as an outage. */
async function guarded(
  ports: Ports,
  tick: Tick,
  fleets: readonly FleetRecord[],
): Promise<Awaited<ReturnType<typeof sweepTick>> | null> {
  try {
    return await sweepTick(ports, tick, fleets);
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    ports.log.error("sweep tick failed", { store: error.store, error: String(error) });
    await ports.metrics.note(null, failureOf(error), 1);
    return null;
  }
}

/** Writes how far the repair is, if it moved; and gives the lease up when nothing is left to do. */
async function keepRepair(
  { record }: Ports,
  held: SweepRecord,
  repair: Repair,
  idle: boolean,
): Promise<SweepRecord | null> {
  const { repairing, cursors, rebuild } = repair;
  const moved =
    JSON.stringify([held.repairing, held.cursors, held.rebuild]) !==
    JSON.stringify([repairing, cursors, rebuild]);
  if (!moved && !idle) return held;
  return record.sweep.commit(held, {
    ...held,
    repairing,
    cursors,
    rebuild,
    untilMs: idle ? 0 : held.untilMs,
  });
}
