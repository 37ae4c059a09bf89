import { expect, test } from "vitest";
import { aCheckpoint, aTaskCheckpoint, largeState } from "../fixtures/checkpoints.ts";
import { newFleet } from "./record-fixtures.ts";
import { committed } from "./record-suite.ts";
import type { RecordWorld } from "./record-worlds.ts";

/** What every store of checkpoints promises. */
export function testCheckpoints(world: () => RecordWorld): void {
  test("of two checkpoints that want one sequence, one gets it", async () => {
    const { checkpoints } = world().record;
    const fleet = newFleet();
    const both = await Promise.all(
      ["interval", "milestone"].map((trigger) => checkpoints.commit(null, aCheckpoint(fleet, { trigger }))),
    );
    const [winner, ...others] = both.filter((checkpoint) => checkpoint !== null);
    expect(others).toEqual([]);
    expect(winner?.rev).toBe(1);
    expect(await checkpoints.latest(fleet, "ses_1")).toEqual(winner);
  });

  test("each session and each fleet has its own latest", async () => {
    const { checkpoints } = world().record;
    const fleet = newFleet();
    for (const session of ["a", "A"])
      await committed(checkpoints.commit, null, aCheckpoint(fleet, { session }));
    expect(await checkpoints.latest(fleet, "a")).toMatchObject({ session: "a", rev: 1 });
    expect(await checkpoints.latest(fleet, "b")).toBeNull();
    expect(await checkpoints.latest(newFleet(), "a")).toBeNull();
  });

  test("filed ones are read by their sequence, past 9 and 99 too, and none is the latest", async () => {
    const { checkpoints } = world().record;
    const fleet = newFleet();
    for (const rev of [9, 10, 100]) await checkpoints.file(aCheckpoint(fleet, { rev, epoch: rev }));
    await checkpoints.file(aCheckpoint(fleet, { rev: 9, epoch: 9 }));
    for (const rev of [9, 10, 100])
      expect(await checkpoints.filed(fleet, "ses_1", rev)).toEqual(aCheckpoint(fleet, { rev, epoch: rev }));
    expect(await checkpoints.filed(fleet, "ses_1", 11)).toBeNull();
    expect(await checkpoints.filed(fleet, "ses_2", 9)).toBeNull();
    expect(await checkpoints.latest(fleet, "ses_1")).toBeNull();
  });

  test("states of any size come back as they were, and only under their own session", async () => {
    const { checkpoints } = world().record;
    const fleet = newFleet();
    const states = [null, "x".repeat(5_000), { a: [], ö: [1.5, {}] }, largeState()];
    for (const state of states) {
      const { ref, bytes } = await checkpoints.putBody(fleet, "ses_1", JSON.stringify(state));
      expect(bytes).toBeGreaterThan(0);
      expect(ref.at).not.toBe("inline");
      expect(JSON.parse((await checkpoints.body(fleet, "ses_1", ref)) ?? "")).toEqual(state);
      expect(await checkpoints.body(fleet, "ses_2", ref)).toBeNull();
      expect(await checkpoints.body(newFleet(), "ses_1", ref)).toBeNull();
    }
    expect(await checkpoints.body(fleet, "ses_1", { at: "item", key: "gone" })).toBeNull();
  });

  test("a task's pointer is replaced whole, and one of two writers wins", async () => {
    const { ofTask } = world().record.checkpoints;
    const fleet = newFleet();
    const first = await committed(ofTask.commit, null, aTaskCheckpoint(fleet));
    expect(await ofTask.commit(null, aTaskCheckpoint(fleet, { sequence: 8 }))).toBeNull();
    const second = await committed(ofTask.commit, first, { ...first, fence: 5, session: "ses_2" });
    expect(await ofTask.commit(first, { ...first, fence: 9 })).toBeNull();
    expect(await ofTask.get(fleet, "task_1")).toEqual(second);
    expect(second.first).toEqual({ session: "ses_0", sequence: 2 });
    expect(await ofTask.get(newFleet(), "task_1")).toBeNull();
  });
}
