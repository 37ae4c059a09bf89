import { PROFILES } from "../contract/profile.ts";
import type { FleetRecord, SweepRecord } from "../contract/records.ts";
import type { AgendaEntry } from "../ports/agenda.ts";
import type { Ports } from "../ports/ports.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";
import { DEFAULT_FLEET, beatProfileOf, fleetOf, withProfile } from "./fleet-of.ts";
import { SILENT_PAGE, giveUpSilent } from "./give-up-silent.ts";
import { liveSessions } from "./live-sessions.ts";
import { mirrorKey } from "./manage-keys.ts";
import { rebalanceFleet } from "./rebalance-fleet.ts";
import { repairFleet } from "./repair.ts";
import { type SignalsEntry, isOfSignals, recordSignals } from "./record-signals.ts";
import { runEndEffects } from "./run-end-effects.ts";
import { returnPaused } from "./return-paused.ts";
import { returnTakes } from "./return-takes.ts";
import { settleSession } from "./settle-session.ts";
import { BALANCE_AFTER_MS, fillFleet } from "./take-ready.ts";
import { timeoutTask } from "./timeout-task.ts";
import { verifySession } from "./verify-session.ts";
import { beatingOf } from "../domain/experiments/session-tuning.ts";
import { isAlive } from "../domain/session-transitions.ts";
import { isEnded } from "../domain/task-transitions.ts";

/** Entries handled and takes returned in one tick; the next tick goes on, at once. */
const PAGE = 100;
/** Assignments one fleet gets in one tick. */
const FILL_LIMIT = 100;
/** An entry that could not be handled is tried again after this. */
const RETRY_MS = 10_000;
/** Between two steps of the repair while nothing is known to be lost. */
const REPAIR_EVERY_MS = 30_000;
/** A rebuild may take this long of one tick. */
const REBUILD_BUDGET_MS = 3_000;

/** Stamp of a Redis in which no tick has finished yet. */
const NO_TICK_MS = 0;

export type Tick = {
  readonly nowMs: number;
  /** When the tick before this one was, by the record; 0 for the first ever. */
  readonly previousMs: number;
  /** How far the repair is. */
  readonly repair: Repair;
  /** The last tick of this run failed, so beats may have failed too. */
  readonly failed: boolean;
  readonly lastRepairMs: number;
};

export type Repair = Pick<SweepRecord, "repairing" | "cursors" | "rebuild">;

/** All fleets, the one that exists from the start among them. */
export async function allFleets(ports: Ports): Promise<FleetRecord[]> {
  const fleets = await ports.record.fleets.list();
  const first = fleets.some(({ fleet }) => fleet === DEFAULT_FLEET)
    ? []
    : [await fleetOf(ports, DEFAULT_FLEET)];
  return [...first, ...fleets].map((fleet) => withProfile(ports.settings, fleet));
}

/**
 * One look at everything: who has gone silent, what is due, what waits, what is out of balance, what Redis has
 * forgotten. Correct when two ticks overlap, and when one is killed anywhere.
 *
 * @returns whether anything lives or waits, whether there was more than fits a tick, and how far the repair is
 */
export async function sweepTick(
  ports: Ports,
  tick: Tick,
  fleets: readonly FleetRecord[],
): Promise<{ busy: boolean; more: boolean; repair: Repair; lastRepairMs: number }> {
  const { nowMs } = tick;
  const look = await lookAround(ports);
  const { stampMs } = look;
  const lost = stampMs === null || stampMs < tick.previousMs;
  // In the place of what was lost, so that a second loss during this tick is seen too: a stamp that is no time, which
  // still means a loss if this tick never gets to its end.
  if (stampMs === null) await ports.agenda.setStamp(NO_TICK_MS);
  const silent = fleets.filter(
    (fleet) => lost || tick.failed || nowMs - stampMs > beatProfileOf(fleet).timeoutMs,
  );
  for (const fleet of silent) await pardon(ports, fleet);
  const overdue =
    silent.length > 0 ? await ports.registry.overdue(ports.clock.nowMs(), SILENT_PAGE) : look.overdue;
  const reached = await giveUpSilent(ports, fleets, overdue);
  await handleDue(ports, fleets, look.due);
  await returnTakes(ports, look.expired);
  const repairDue = lost || tick.repair.rebuild || nowMs - tick.lastRepairMs >= REPAIR_EVERY_MS;
  const from = lost ? { repairing: null, cursors: null, rebuild: true } : tick.repair;
  const repair = repairDue ? await repairStep(ports, from, fleets) : from;
  const quiet = !repairDue && [overdue, look.due, look.expired].every(({ length }) => length === 0);
  for (const fleet of quiet ? look.waiting : await ports.workQueue.waitingFleets())
    await fillFleet(ports, fleet, FILL_LIMIT);
  const [entries, sessions] = await Promise.all([ports.agenda.count(), ports.registry.count()]);
  // Where it is not as it was left, Redis was lost during this tick, or came back: the next one must see that.
  const kept = await ports.agenda.raiseStamp(nowMs, stampMs ?? NO_TICK_MS, tick.previousMs);
  return {
    more: !reached || [look.due, look.expired].some(({ length }) => length >= PAGE),
    busy: repair.rebuild || entries > 0 || sessions > 0 || !kept,
    repair,
    lastRepairMs: repairDue ? nowMs : tick.lastRepairMs,
  };
}

/** What most ticks find to be nothing, in one request. */
async function lookAround({ agenda, registry, workQueue, clock }: Ports) {
  const nowMs = clock.nowMs();
  const [stampMs, overdue, due, expired, waiting] = await Promise.all([
    agenda.stamp(),
    registry.overdue(nowMs, SILENT_PAGE),
    agenda.due(nowMs, PAGE),
    workQueue.expired(nowMs, PAGE),
    workQueue.waitingFleets(),
  ]);
  return { stampMs, overdue, due, expired, waiting };
}

/** Whether a session has a deadline, or Redis cannot tell: what it lost is not there to be counted. */
export async function livesOrLost({ registry, agenda }: Ports): Promise<boolean> {
  const [sessions, stampMs] = await Promise.all([registry.count(), agenda.stamp()]);
  return sessions > 0 || stampMs === null;
}

/**
 * After an outage nobody is given up for having been silent: every live session gets a whole timeout of its own from now.
 */
async function pardon(ports: Ports, settings: FleetRecord): Promise<void> {
  const { fleet } = settings;
  let count = 0;
  for await (const page of liveSessions(ports, fleet)) {
    const alive = page.filter(isAlive);
    count += alive.length;
    const byTimeout = Map.groupBy(alive, (session) => beatingOf(session, settings).timeoutMs);
    for (const [timeoutMs, sessions] of byTimeout)
      await ports.registry.extend(
        sessions.map(({ id, host, epoch }) => ({ fleet, host, session: id, epoch })),
        ports.clock.nowMs() + timeoutMs,
      );
  }
  if (count > 0) ports.log.warn("outage: every deadline moved", { fleet, sessions: count });
}

/**
 * Handles what the agenda has due. One entry that fails harms no other, and is tried again later; a store that does
 * not answer fails the tick.
 */
async function handleDue(
  ports: Ports,
  fleets: readonly FleetRecord[],
  entries: readonly AgendaEntry[],
): Promise<void> {
  for (const entry of entries) {
    if (isOfSignals(entry)) continue;
    let againInMs: number | null;
    try {
      againInMs = await handleEntry(ports, entry, fleets);
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      ports.log.error("agenda entry failed; it is tried again", { ...entry, error: String(error) });
      await ports.metrics.note(null, "Errors", 1);
      againInMs = RETRY_MS;
    }
    await ports.agenda.done([entry]);
    if (againInMs !== null) await ports.agenda.put([entry], ports.clock.nowMs() + againInMs);
  }
  // Last, because it is all the same to them.
  await recordSignals(ports, entries.filter(isOfSignals));
}

/** @returns in how many milliseconds the entry is due again, or null when it is done */
async function handleEntry(
  ports: Ports,
  entry: Exclude<AgendaEntry, SignalsEntry>,
  fleets: readonly FleetRecord[],
): Promise<number | null> {
  const settings = fleets.find(({ fleet }) => fleet === entry.fleet);
  const { intervalMs } = settings ? beatProfileOf(settings) : PROFILES.standard;
  switch (entry.kind) {
    case "verify":
      await verifySession(ports, entry);
      return null;
    case "settle":
      return (await settleSession(ports, entry.fleet, entry.session)) ? intervalMs : null;
    case "timeout":
      await timeoutTask(ports, entry.fleet, entry.task, entry.fence);
      return null;
    case "effects": {
      const task = await ports.record.tasks.get(entry.fleet, entry.task);
      if (task && isEnded(task)) await runEndEffects(ports, task);
      return null;
    }
    case "balance": {
      if (!settings?.autoBalance) return null;
      return (await rebalanceFleet(ports, entry.fleet, true)).waiting ? BALANCE_AFTER_MS : null;
    }
    case "pause":
      return (await returnPaused(ports, entry.fleet)) > 0 ? BALANCE_AFTER_MS : null;
    case "key":
      await mirrorKey(ports, entry.fleet, entry.keyId);
      return null;
  }
}

/** Compares the next pages of the record with Redis: all at once after a loss, else a page every 30 seconds. */
async function repairStep(ports: Ports, from: Repair, fleets: readonly FleetRecord[]): Promise<Repair> {
  const names = fleets.map(({ fleet }) => fleet);
  const untilMs = ports.clock.nowMs() + REBUILD_BUDGET_MS;
  let { repairing, cursors } = from;
  do {
    repairing ??= names[0] ?? DEFAULT_FLEET;
    cursors = await repairFleet(ports, repairing, cursors);
    if (cursors) continue;
    repairing = names[names.indexOf(repairing) + 1] ?? null;
    if (repairing === null) return { repairing, cursors, rebuild: false };
  } while (from.rebuild && ports.clock.nowMs() < untilMs);
  return { repairing, cursors, rebuild: from.rebuild };
}
