import type { GroupRecord } from "../contract/records.ts";
import type { Ports } from "../ports/ports.ts";

const PAGE = 100;

/** One group, or all of a fleet. */
export async function* groupsOf(
  { record }: Ports,
  fleet: string,
  group: string | null,
): AsyncGenerator<GroupRecord> {
  if (group !== null) {
    const found = await record.groups.get(fleet, group);
    if (found) yield found;
    return;
  }
  let cursor: string | null = null;
  do {
    const page: { items: readonly GroupRecord[]; cursor: string | null } = await record.groups.list(
      fleet,
      cursor,
      PAGE,
    );
    yield* page.items;
    cursor = page.cursor;
  } while (cursor !== null);
}
