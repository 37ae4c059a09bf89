import type { DayRollup } from "../contract/rollup.ts";
import type { UnitRecord } from "../contract/experiments.ts";
import { addToRollup, createRollup, rollupOf } from "../domain/experiments/rollup.ts";
import type { Ports } from "../ports/ports.ts";
import type { Page } from "../ports/record.ts";
import { LATE_DAYS } from "./experiment-totals.ts";

const PAGE = 1_000;
/** Days that detectors look back on: four whole weeks, so that each weekday weighs the same. */
export const HISTORY_DAYS = 28;

/**
 * Rolls up what ended on the last days, and returns the rollups of the last weeks. A day is rolled up again while units of it
 * may still come; a rollup says the same however often it is made.
 *
 * @param day today: it is not over, and is left out
 */
export async function rollUpDays(ports: Ports, fleet: string, day: number): Promise<DayRollup[]> {
  const days = lastDays(day);
  const kept = new Map(
    (await ports.record.rollups.getMany(fleet, days)).map((rollup) => [rollup.day, rollup]),
  );
  for (const one of days)
    if (one >= day - LATE_DAYS) {
      const rolled = await rollUpDay(ports, fleet, one);
      await ports.record.rollups.put(rolled);
      kept.set(one, rolled);
    }
  return sinceFirst(days.flatMap((one) => kept.get(one) ?? []));
}

/** The rollups of the last weeks, as the last night left them. */
export async function readRollups({ record }: Ports, fleet: string, day: number): Promise<DayRollup[]> {
  return sinceFirst(await record.rollups.getMany(fleet, lastDays(day)));
}

/** Without the days before the fleet's first: those say nothing, while an idle day in between says that it was idle. */
function sinceFirst(rollups: readonly DayRollup[]): DayRollup[] {
  const first = rollups.findIndex(({ task, session }) => task.n + session.n > 0);
  return first === -1 ? [] : rollups.slice(first);
}

const lastDays = (day: number): number[] =>
  Array.from({ length: HISTORY_DAYS }, (_, i) => day - HISTORY_DAYS + i);

async function rollUpDay({ record }: Ports, fleet: string, day: number): Promise<DayRollup> {
  const rollup = createRollup();
  let cursor: string | null = null;
  do {
    const page: Page<UnitRecord> = await record.units.ofDay(fleet, day, cursor, PAGE);
    for (const unit of page.items) addToRollup(rollup, unit);
    cursor = page.cursor;
  } while (cursor !== null);
  return rollupOf(rollup, fleet, day);
}
