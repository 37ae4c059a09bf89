import { expect, test } from "vitest";
import type { JournalRecord } from "../../shared/contract/records.ts";
import { newFleet } from "./record-fixtures.ts";
import { committed } from "./record-suite.ts";
import type { RecordWorld } from "./record-worlds.ts";

const AT_MS = Date.UTC(2030, 0, 1);

export const aJournal = (fleet: string, over: Partial<JournalRecord> = {}): JournalRecord => ({
  v: 1,
  rev: 0,
  fleet,
  session: "ses_1",
  epoch: 1,
  calls: [
    {
      id: "toolu_1",
      name: "Bash",
      summary: "npm test -- größe",
      taskId: "task_1",
      startedAtMs: AT_MS,
      endedAtMs: null,
      outcome: "unknown",
    },
  ],
  ...over,
});

/** What every store of journals promises. */
export function testJournals(world: () => RecordWorld): void {
  test("a journal is replaced whole, and one of two writers wins", async () => {
    const { journals } = world().record;
    const fleet = newFleet();
    expect(await journals.get(fleet, "ses_1")).toBeNull();
    const first = await committed(journals.commit, null, aJournal(fleet));
    expect(await journals.commit(null, aJournal(fleet, { calls: [] }))).toBeNull();
    const ended = first.calls.map((call) => ({ ...call, endedAtMs: AT_MS + 5, outcome: "ok" as const }));
    const second = await committed(journals.commit, first, { ...first, epoch: 2, calls: ended });
    expect(await journals.commit(first, { ...first, calls: [] })).toBeNull();
    expect(await journals.get(fleet, "ses_1")).toEqual(second);
    expect(second).toMatchObject({ rev: 2, calls: [{ outcome: "ok", endedAtMs: AT_MS + 5 }] });
  });

  test("each session and each fleet has its own", async () => {
    const { journals } = world().record;
    const fleet = newFleet();
    await committed(journals.commit, null, aJournal(fleet, { session: "a" }));
    await committed(journals.commit, null, aJournal(fleet, { session: "A", calls: [] }));
    expect((await journals.get(fleet, "a"))?.calls).toHaveLength(1);
    expect((await journals.get(fleet, "A"))?.calls).toEqual([]);
    expect(await journals.get(newFleet(), "a")).toBeNull();
  });
}
