import type { FleetRecord } from "../contract/records.ts";
import type { Ports } from "../ports/ports.ts";
import type { Page } from "../ports/record.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";

const PAGE = 1_000;
/** Past this many of a kind it is not counted on: a count costs reads. */
const COUNT_LIMIT = 50_000;

/** Tells what each fleet has; nothing of a fleet that has nothing. A store that does not answer is no reason to fail. */
export async function measureFleets(ports: Ports, fleets: readonly FleetRecord[]): Promise<void> {
  try {
    for (const { fleet } of fleets) await measureFleet(ports, fleet);
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    ports.log.warn("fleets were not counted this minute", { store: error.store });
  }
}

async function measureFleet({ record, metrics }: Ports, fleet: string): Promise<void> {
  const [sessions, tasks] = await Promise.all([
    count((cursor) => record.sessions.list(fleet, "live", cursor, PAGE)),
    count((cursor) => record.tasks.listOpen(fleet, cursor, PAGE)),
  ]);
  if (sessions + tasks > 0) await metrics.gauge(fleet, { ActiveSessions: sessions, OpenTasks: tasks });
}

async function count(list: (cursor: string | null) => Promise<Page<string>>): Promise<number> {
  let counted = 0;
  let cursor: string | null = null;
  do {
    const page: Page<string> = await list(cursor);
    counted += page.items.length;
    cursor = page.cursor;
  } while (cursor !== null && counted < COUNT_LIMIT);
  return counted;
}
