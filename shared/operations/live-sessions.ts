import type { SessionRecord } from "../contract/records.ts";
import type { Ports } from "../ports/ports.ts";

const PAGE = 500;

/** All sessions of a fleet that are live, draining or recovering, page by page. */
export async function* liveSessions(
  { record }: Pick<Ports, "record">,
  fleet: string,
): AsyncGenerator<SessionRecord[]> {
  let cursor: string | null = null;
  do {
    const page: { items: readonly string[]; cursor: string | null } = await record.sessions.list(
      fleet,
      "live",
      cursor,
      PAGE,
    );
    const sessions = await record.sessions.getMany(fleet, page.items);
    yield sessions
      .filter(({ state }) => state !== "crashed" && state !== "ended")
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    cursor = page.cursor;
  } while (cursor !== null);
}
