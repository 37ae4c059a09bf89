import { describe, expect, it } from "vitest";
import { commandsFor, hasRoom, standing } from "../../shared/domain/heartbeat-answer.ts";

const desired = {
  ...{ epoch: 2, host: "h1", state: "live" as "live" | "draining" | "recovering" | "crashed" | "ended" },
  ...{
    capacity: 3,
    tasks: {} as Record<string, number>,
    stopping: {} as Record<string, number>,
    restart: false,
  },
};
const beat = (epoch: number, tasks: Record<string, number> = {}) => ({
  id: "s1",
  epoch,
  tasks: Object.entries(tasks).map(([id, fence]) => ({ id, fence })),
});

describe("where a session stands with a beat", () => {
  it.each([
    ["unknown: Redis has no document", 2, "h1", null],
    ["unknown: the document is behind the beat", 3, "h1", desired],
    ["known: epoch, host and state agree", 2, "h1", desired],
    ["known: it drains", 2, "h1", { ...desired, state: "draining" as const }],
    ["gone: a later epoch lives", 1, "h1", desired],
    ["gone: it lives on another host", 2, "h2", desired],
    ["gone: a higher epoch on another host", 3, "h2", desired],
    ["gone: it was given up", 2, "h1", { ...desired, state: "recovering" as const }],
    ["gone: it crashed", 2, "h1", { ...desired, state: "crashed" as const }],
    ["gone: it ended", 2, "h1", { ...desired, state: "ended" as const }],
  ])("is %s", (name, epoch, host, document) => {
    expect(standing(beat(epoch), host, document)).toBe(name.split(":")[0]);
  });
});

describe("the commands of an answer", () => {
  it.each([
    ["nothing when both agree", { a: 1 }, { tasks: { a: 1 } }, []],
    [
      "start for what is assigned and not reported",
      {},
      { tasks: { b: 1, a: 1 } },
      [{ type: "start", taskIds: ["a", "b"] }],
    ],
    [
      "cancel for what must stop and is reported",
      { a: 1 },
      { stopping: { a: 1 } },
      [{ type: "cancel", taskId: "a", fence: 1 }],
    ],
    ["nothing for what must stop and is not reported", {}, { stopping: { a: 1 } }, []],
    [
      "cancel and start for a later tenure of the same task",
      { a: 1 },
      { tasks: { a: 3 } },
      [
        { type: "cancel", taskId: "a", fence: 1 },
        { type: "start", taskIds: ["a"] },
      ],
    ],
    ["nothing for a reported task that the document does not know yet", { a: 1 }, {}, []],
    ["nothing to stop when the report is of a later tenure", { a: 5 }, { stopping: { a: 1 } }, []],
    ["drain while it drains", {}, { state: "draining" as const }, [{ type: "drain" }]],
    ["restart as long as it is asked", {}, { restart: true }, [{ type: "restart" }]],
  ])("are %s", (_, reported, wanted, commands) => {
    expect(commandsFor(beat(2, reported), { ...desired, ...wanted })).toEqual(commands);
  });

  it("are those of a session that reports no list of tasks as of one with none", () => {
    expect(commandsFor({ id: "s1", epoch: 2 }, { ...desired, tasks: { a: 1 } })).toEqual([
      { type: "start", taskIds: ["a"] },
    ]);
  });
});

describe("room for more work", () => {
  it("is what capacity leaves, counting tasks that are yet to stop, of a live session", () => {
    expect(hasRoom({ ...desired, tasks: { a: 1 }, stopping: { b: 1 } })).toBe(true);
    expect(hasRoom({ ...desired, tasks: { a: 1, c: 1 }, stopping: { b: 1 } })).toBe(false);
    expect(hasRoom({ ...desired, state: "draining" })).toBe(false);
  });
});
