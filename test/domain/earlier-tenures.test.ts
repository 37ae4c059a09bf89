import { describe, expect, it } from "vitest";
import type { KeptEvent } from "../../shared/contract/records.ts";
import { earlierTenures } from "../../shared/domain/task-events.ts";

const started = (o: string, t: number): KeptEvent => ({ s: "running", t, o, n: 1 });
const lost = (o: string, t: number, over: Partial<KeptEvent> = {}): KeptEvent => ({
  s: "queued",
  t,
  o,
  ...over,
});
const assigned = (o: string, t: number): KeptEvent => ({ s: "assigned", t, o });
const told = (...events: KeptEvent[]) =>
  earlierTenures({ events }).map(({ session, endedBy, startedAtMs, endedAtMs }) =>
    [session, endedBy, startedAtMs, endedAtMs].join(" "),
  );

describe("the tenures of a task before the one of now", () => {
  it.each<[string, KeptEvent[], string[]]>([
    ["nothing is kept", [], []],
    ["it runs for the first time", [started("s1", 1)], []],
    ["it only waited elsewhere before", [assigned("s0", 0), lost("s0", 1), started("s1", 2)], []],
    [
      "it was lost once",
      [started("s1", 1), lost("s1", 2, { e: "crash" }), started("s2", 3)],
      ["s1 crash 1 2"],
    ],
    [
      "it waited with another in between",
      [started("s1", 1), lost("s1", 2, { e: "exit" }), assigned("s9", 3), lost("s9", 4), started("s2", 5)],
      ["s1 exit 1 2"],
    ],
    [
      "it was lost twice",
      [
        ...[started("s1", 1), lost("s1", 2, { e: "timeout" }), assigned("s2", 3)],
        ...[started("s2", 3), lost("s2", 4, { e: "lost" }), started("s1", 5)],
      ],
      ["s2 lost 3 4", "s1 timeout 1 2"],
    ],
    ["the first events are forgotten", [lost("s1", 2, { e: "crash" }), started("s2", 3)], []],
  ])("are known by its events: %s", (_, events, expected) => {
    expect(told(...events)).toEqual(expected);
  });

  it.each([
    ["task.crash", "lost"],
    ["task.timeout", "timeout"],
    ["task.dropped", "unknown"],
    ["task.released", "exit"],
    ["any word of its holder", "exit"],
    [undefined, "exit"],
  ])("that ended before ends were kept ended as their code says: %s is %s", (c, endedBy) => {
    expect(told(started("s1", 1), lost("s1", 2, { c }), started("s2", 3))).toEqual([`s1 ${endedBy} 1 2`]);
  });

  it("a holder's own word is not taken for how its tenure ended", () => {
    const events = [started("s1", 1), lost("s1", 2, { c: "task.crash", e: "exit" }), started("s2", 3)];
    expect(told(...events)).toEqual(["s1 exit 1 2"]);
  });
});
