import type { UnitRecord } from "../contract/experiments.ts";
import type { EndedTask, FleetRecord, SessionRecord } from "../contract/records.ts";
import { exposedUnitsOf } from "../domain/experiments/exposures.ts";
import { type SeenOfSession, unitOfSession } from "../domain/experiments/unit-of-session.ts";
import { lastHolderOf, unitOfTask } from "../domain/experiments/unit-of-task.ts";
import { minuteOf } from "../domain/signals.ts";
import type { Ports } from "../ports/ports.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";

/** Minutes before its end in which a session is known to have said something of its health: it does so once a minute. */
const SIGNALS_MINUTES = 3;

/** Whether anybody looks at the units of this fleet. */
const isTuned = ({ tuning }: FleetRecord): boolean => tuning?.mode !== "off";

/**
 * Files what became of a task: a write unit, one more for each experiment that it met, and a read unit for who worked on it last.
 * Repeating it changes nothing that matters.
 */
export async function noteTaskUnit(ports: Ports, task: EndedTask, fleet: FleetRecord): Promise<void> {
  if (!isTuned(fleet)) return;
  const last = lastHolderOf(task);
  const holder = last === null ? null : await ports.record.sessions.get(task.fleet, last);
  await fileUnit(ports, unitOfTask(task, holder), task.exposures);
}

/**
 * Files what became of a start of a session that was given up, while whoever finds it recovering would do so again: a write unit,
 * one more for each experiment that it met, a read unit and a Redis command.
 */
export async function noteSessionUnit(
  ports: Ports,
  session: SessionRecord,
  fleet: FleetRecord,
): Promise<void> {
  if (!isTuned(fleet)) return;
  // At once: a thousand may go silent together.
  const [checkpoint, said] = await Promise.all([
    ports.record.checkpoints.latest(session.fleet, session.id),
    lastSaid(ports, session),
  ]);
  await fileUnit(ports, unitOfSession(session, { checkpoint, said }), session.exposures);
}

async function fileUnit(
  { record }: Ports,
  unit: UnitRecord,
  exposures: SessionRecord["exposures"],
): Promise<void> {
  await record.units.file(unit);
  for (const exposed of exposedUnitsOf(unit, exposures)) await record.units.settle(exposed);
}

/** What it last said of its health, as far as Redis knows: nothing may wait for that. */
async function lastSaid(
  { registry, clock }: Ports,
  { fleet, host, id, lastBeatAtMs, givenUpAtMs }: SessionRecord,
): Promise<SeenOfSession["said"]> {
  const last = minuteOf(lastBeatAtMs ?? givenUpAtMs ?? clock.nowMs());
  const places = Array.from({ length: SIGNALS_MINUTES }, (_, i) => ({ fleet, host, minute: last - i }));
  try {
    const minutes = await registry.signals(places);
    return minutes.flatMap((minute) => minute?.sessions[id] ?? [])[0] ?? null;
  } catch (error) {
    if (error instanceof StoreUnavailable) return null;
    throw error;
  }
}
