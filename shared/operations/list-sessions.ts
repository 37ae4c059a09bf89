import type { LoadAnswer } from "../contract/fleet.ts";
import { PAGE_LIMIT } from "../contract/limits.ts";
import type { Session } from "../contract/session.ts";
import { isAlive, load } from "../domain/session-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { liveSessions } from "./live-sessions.ts";
import { viewSessions } from "./view-session.ts";

type Place = { which: "live" | "past"; page: string | null };

/** A page of sessions: those that live first, then those that have ended. */
export async function listSessions(
  ports: Ports,
  fleet: string,
  cursor: string | null,
): Promise<{ sessions: Session[]; cursor: string | null }> {
  const place = cursor === null ? ({ which: "live", page: null } as Place) : (JSON.parse(cursor) as Place);
  const page = await ports.record.sessions.list(fleet, place.which, place.page, PAGE_LIMIT);
  const found = new Map(
    (await ports.record.sessions.getMany(fleet, page.items)).map((session) => [session.id, session]),
  );
  const sessions = page.items.flatMap((id) => found.get(id) ?? []);
  const next: Place | null =
    page.cursor !== null
      ? { ...place, page: page.cursor }
      : place.which === "live"
        ? { which: "past", page: null }
        : null;
  const views = await viewSessions(ports, fleet, sessions);
  if (views.length === 0 && next) return listSessions(ports, fleet, JSON.stringify(next));
  const more = next?.which === "past" && next.page === null ? await hasPast(ports, fleet) : next !== null;
  return { sessions: views, cursor: more ? JSON.stringify(next) : null };
}

async function hasPast({ record }: Ports, fleet: string): Promise<boolean> {
  return (await record.sessions.list(fleet, "past", null, 1)).items.length > 0;
}

/** How much each live session holds, as a share of its capacity. */
export async function listLoad(ports: Ports, fleet: string): Promise<LoadAnswer> {
  const loads: LoadAnswer = [];
  for await (const page of liveSessions(ports, fleet)) {
    for (const session of page.filter(isAlive)) {
      const currentTasks = load(session);
      // One that takes no tasks has no room.
      const utilizationRate = session.capacity === 0 ? 1 : currentTasks / session.capacity;
      loads.push({ sessionId: session.id, currentTasks, utilizationRate });
    }
  }
  return loads;
}
