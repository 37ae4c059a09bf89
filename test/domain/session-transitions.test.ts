import { describe, expect, it } from "vitest";
import { EndedBy, SessionRecord } from "../../shared/contract/records.ts";
import type { SessionState } from "../../shared/contract/session-state.ts";
import { desiredOf } from "../../shared/domain/desired.ts";
import {
  SESSION_TRANSITIONS,
  askReport,
  askRestart,
  drain,
  endOf,
  finishRecovery,
  giveUp,
  hearReport,
  isAlive,
  letGo,
  mustStop,
  noteListing,
  refuseEpoch,
  register,
  reserve,
  takeAway,
} from "../../shared/domain/session-transitions.ts";

const request = { host: "h1", boot: "b1", agent: "test", capabilities: ["gpu", "cpu", "gpu"], capacity: 2 };
const registration = { fleet: "f", id: "s1", request, keyId: "key_1", registration: null };
const first = register(null, registration, 1_000);
const states = Object.keys(SESSION_TRANSITIONS) as SessionState[];
const inState = (state: SessionState, changes: Partial<SessionRecord> = {}): SessionRecord => ({
  ...first,
  ...changes,
  state,
});

describe("a session", () => {
  it("starts with epoch 1, and a restart keeps the epoch that giving up its predecessor raised, and counts", () => {
    expect(first).toMatchObject({ epoch: 1, restarts: 0, state: "live", capabilities: ["cpu", "gpu"] });
    const again = register(inState("crashed", { epoch: 2, rev: 7 }), registration, 2_000);
    expect(again).toMatchObject({ epoch: 2, restarts: 1, rev: 7, state: "live", startedAtMs: 2_000 });
  });

  it.each(states.filter((state) => !SESSION_TRANSITIONS[state].includes("live")))(
    "cannot be started again while it is %s",
    (state) => {
      expect(() => register(inState(state), registration, 1)).toThrow("Broken invariant");
    },
  );

  it.each(states)(
    "is given up, drained, restarted and finished from %s only as the table allows",
    (state) => {
      const session = inState(state);
      const may = (to: SessionState) => SESSION_TRANSITIONS[state].includes(to);
      expect(giveUp(session, 1, { endsAs: "crashed", cause: "test", lastBeatAtMs: null }, 9).kind).toBe(
        may("recovering") ? "commit" : "unchanged",
      );
      expect(finishRecovery(session, 1).kind).toBe(may("crashed") ? "commit" : "unchanged");
      const drained = state === "draining" ? "unchanged" : "refused";
      expect(drain(session).kind).toBe(may("draining") ? "commit" : drained);
      expect(askRestart(session).kind).toBe(isAlive(session) ? "commit" : "refused");
      expect(askRestart(inState(state, { restartAsked: true })).kind).toBe(
        isAlive(session) ? "unchanged" : "refused",
      );
    },
  );

  it.each(EndedBy.options)("tells how its last start ended, exactly, until it is over too: %s", (endedBy) => {
    const given = giveUp(first, 1, { endsAs: "crashed", cause: "for people", lastBeatAtMs: 5, endedBy }, 9);
    if (given.kind !== "commit") throw new Error("not given up");
    const over = finishRecovery(given.next, 1_500);
    if (over.kind !== "commit") throw new Error("not over");
    const end = { epoch: 1, endedBy, endedAtMs: 1_500, lastBeatAtMs: 5 };
    expect(endOf(over.next)).toEqual(end);
    const again = register(over.next, registration, 2_000);
    expect(again.endedBy).toBeUndefined();
    expect(again.before).toEqual(end);
    // Only what was finished leaves nothing to go on with.
    expect(again.doneEpoch).toBe(endedBy === "done" ? 1 : undefined);
    const second = giveUp(
      again,
      2,
      { endsAs: "crashed", cause: "again", lastBeatAtMs: null, endedBy: "crash" },
      9,
    );
    expect(second.kind === "commit" && endOf(second.next)).toMatchObject({ epoch: 2, endedBy: "crash" });
  });

  it("that was recorded before ends were kept is read, and its end is not known", () => {
    const old = SessionRecord.parse(JSON.parse(JSON.stringify(inState("crashed", { epoch: 2 }))));
    expect(old.endedBy).toBeUndefined();
    expect(endOf(old)).toMatchObject({ epoch: 1 });
    expect(endOf(old).endedBy).toBeUndefined();
    expect(register(old, registration, 1).before?.endedBy).toBeUndefined();
  });

  it("is given up once per epoch: the epoch rises, so that what it says next is refused", () => {
    const given = giveUp(first, 1, { endsAs: "crashed", cause: "silence", lastBeatAtMs: 5 }, 9);
    if (given.kind !== "commit") throw new Error("not given up");
    expect(given.next).toMatchObject({ state: "recovering", epoch: 2, endsAs: "crashed", lastBeatAtMs: 5 });
    expect(giveUp(given.next, 2, { endsAs: "crashed", cause: "again", lastBeatAtMs: null }, 9).kind).toBe(
      "unchanged",
    );
    expect(giveUp(first, 2, { endsAs: "crashed", cause: "another epoch", lastBeatAtMs: null }, 9).kind).toBe(
      "unchanged",
    );
    expect(refuseEpoch(given.next, 1)?.refusal.refused).toBe("session.superseded");
    expect(refuseEpoch(given.next, 2)?.refusal.refused).toBe("session.ended");
    expect(refuseEpoch(inState("ended"), 1)?.refusal.refused).toBe("session.ended");
    expect(refuseEpoch(first, 1)).toBeNull();
  });

  it("stays recovering while it holds a task, then ends as it was given up", () => {
    const recovering = inState("recovering", { held: { a: 1 }, endsAs: "ended" });
    expect(finishRecovery(recovering, 1).kind).toBe("unchanged");
    expect(finishRecovery({ ...recovering, held: {} }, 9)).toMatchObject({
      kind: "commit",
      next: { state: "ended", endedAtMs: 9, endsAs: null },
    });
    expect(finishRecovery({ ...recovering, held: {}, endsAs: null }, 9)).toMatchObject({
      next: { state: "crashed" },
    });
  });

  it("never holds more than its capacity, nor a task twice, nor anything unless live and of this epoch", () => {
    const one = reserve(first, 1, "a", 1);
    expect(one?.held).toEqual({ a: 1 });
    if (!one) throw new Error("no place");
    expect(reserve(one, 1, "a", 2)).toBeNull();
    const two = reserve(one, 1, "b", 1);
    expect(two && reserve(two, 1, "c", 1)).toBeNull();
    expect(reserve(first, 2, "a", 1)).toBeNull();
    for (const state of states.filter((other) => other !== "live"))
      expect(reserve(inState(state), 1, "a", 1)).toBeNull();
  });

  it("lets go of exactly the tenure that is named, and forgets that it had to stop it", () => {
    const holding = inState("live", { held: { a: 3, b: 1 }, stopping: { a: 100 } });
    expect(letGo(holding, "a", 2).kind).toBe("unchanged");
    expect(letGo(holding, "c").kind).toBe("unchanged");
    expect(letGo(holding, "a", 3)).toMatchObject({ next: { held: { b: 1 }, stopping: {} } });
    expect(letGo(holding, "b")).toMatchObject({ next: { held: { a: 3 } } });
  });

  it("remembers since when it must stop a task, once", () => {
    const holding = inState("live", { held: { a: 3 } });
    expect(mustStop(holding, "b", 1).kind).toBe("unchanged");
    const stopping = mustStop(holding, "a", 7);
    expect(stopping).toMatchObject({ next: { stopping: { a: 7 } } });
    expect(stopping.kind === "commit" && mustStop(stopping.next, "a", 9).kind).toBe("unchanged");
  });

  it("is desired to work on what it holds, except what it must stop", () => {
    const desired = desiredOf(
      inState("live", { held: { a: 3, b: 1 }, stopping: { b: 7 }, restartAsked: true }),
    );
    expect(desired).toMatchObject({ tasks: { a: 3 }, stopping: { b: 1 }, restart: true, epoch: 1 });
  });
});

describe("a session that is asked for a report", () => {
  const held = { a: 1, b: 2 };
  const { askedAtMs: _asked, lists: _lists, ...older } = first;
  const asked = inState("live", { held, askedAtMs: 5_000 });

  it("is asked once, until it was heard, also if it was written before there were questions", () => {
    expect(askReport({ ...older, held }, 7_000)).toMatchObject({
      kind: "commit",
      next: { askedAtMs: 7_000 },
    });
    expect(askReport(asked, 7_000).kind).toBe("unchanged");
    expect(hearReport(asked)).toMatchObject({ kind: "commit", next: { askedAtMs: null } });
    expect(hearReport(older).kind).toBe("unchanged");
    expect(desiredOf(asked).asked).toBe(true);
    expect(desiredOf(older).asked).toBeUndefined();
  });

  it("loses what it dropped in one step with the question, and nothing once that was withdrawn", () => {
    expect(takeAway(asked, 5_000, ["a", "gone"], 9_000)).toMatchObject({
      kind: "commit",
      next: { askedAtMs: null, held, stopping: { a: 9_000 } },
    });
    expect(takeAway(asked, 4_999, ["a"], 9_000).kind).toBe("unchanged");
    expect(takeAway(older, 5_000, ["a"], 9_000).kind).toBe("unchanged");
    const stopping = inState("live", { held, askedAtMs: 5_000, stopping: { a: 1_000 } });
    expect(takeAway(stopping, 5_000, ["a"], 9_000)).toMatchObject({ next: { stopping: { a: 1_000 } } });
  });

  it("is known to list its work from the first time on", () => {
    expect(noteListing(older)).toMatchObject({ kind: "commit", next: { lists: true } });
    expect(noteListing(inState("live", { lists: true })).kind).toBe("unchanged");
  });
});
