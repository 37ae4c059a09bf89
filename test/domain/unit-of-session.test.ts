import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { UnitRecord } from "../../shared/contract/experiments.ts";
import { EndedBy, type SessionRecord } from "../../shared/contract/records.ts";
import { repositoryOf } from "../../shared/domain/experiments/known-values.ts";
import { type SeenOfSession, unitOfSession } from "../../shared/domain/experiments/unit-of-session.ts";
import { aSession } from "../conformance/record-fixtures.ts";
import { aCheckpoint } from "../fixtures/checkpoints.ts";

const AT_MS = Date.UTC(2030, 0, 1);
const HOUR_MS = 3_600_000;

/** Given up two hours after its start: epoch 4 was, and its record has 5. */
const given = (over: Partial<SessionRecord> = {}): SessionRecord =>
  aSession("f", {
    ...{ state: "recovering", epoch: 5, endsAs: "crashed", endedBy: "crash" },
    ...{ lastBeatAtMs: AT_MS + 2 * HOUR_MS, givenUpAtMs: AT_MS + 2 * HOUR_MS + 30_000 },
    ...over,
  });
const kept = (over: Parameters<typeof aCheckpoint>[1] = {}) =>
  aCheckpoint("f", { epoch: 4, ofStart: 6, atMs: AT_MS + HOUR_MS, ...over });
const unit = (session = given(), seen: Partial<SeenOfSession> = {}) =>
  unitOfSession(session, { checkpoint: null, said: null, ...seen });
const valuesOf = (...args: Parameters<typeof unit>) => unit(...args).outcome.values;

describe("a start of a session as a unit", () => {
  it("is known by its epoch, and filed under when it was given up", () => {
    expect(unit(given({ cwd: "/home/me/shim" }))).toMatchObject({
      ...{ kind: "session", id: "ses_1", generation: 4, host: "host-1", agent: "claude-code" },
      ...{ type: null, repository: "shim", startedAtMs: AT_MS },
      outcome: { endedAtMs: AT_MS + 2 * HOUR_MS + 30_000 },
    });
  });

  it("that was given up before that time was kept has its end, its last beat, or its start for it", () => {
    const of = (over: Partial<SessionRecord>) =>
      unit(given({ givenUpAtMs: undefined, ...over })).outcome.endedAtMs - AT_MS;
    expect(of({ state: "crashed", endedAtMs: AT_MS + 9 })).toBe(9);
    expect(of({})).toBe(2 * HOUR_MS);
    expect(of({ lastBeatAtMs: null })).toBe(0);
  });

  it("that is alive is none", () => {
    expect(() => unit(aSession("f"))).toThrow(/has not ended/);
  });

  it.each<[EndedBy, object]>([
    ["crash", { crashed: 1, lostWorkMs: HOUR_MS, detectionMs: 30_000 }],
    ["lost", { crashed: 1, lostWorkMs: HOUR_MS, detectionMs: 30_000 }],
    ["timeout", { crashed: 1, lostWorkMs: HOUR_MS, detectionMs: 30_000 }],
    ["exit", { crashed: 0, lostWorkMs: 0 }],
    ["done", { crashed: 0, lostWorkMs: 0 }],
    ["unknown", {}],
  ])("that ended by %s is %j", (endedBy, values) => {
    expect(valuesOf(given({ endedBy }), { checkpoint: kept() })).toEqual({
      ...values,
      checkpointsPerHour: 3,
    });
    expect(unit(given({ endedBy })).facts).toMatchObject({ endedBy });
  });

  it("has lost what came after its last checkpoint, or its start, and not after that of another start", () => {
    const lost = (checkpoint: SeenOfSession["checkpoint"]) => valuesOf(given(), { checkpoint }).lostWorkMs;
    expect(lost(kept({ atMs: AT_MS + 2 * HOUR_MS - 7 }))).toBe(7);
    expect(lost(kept({ atMs: AT_MS + 2 * HOUR_MS + 7 }))).toBe(0);
    expect(lost(null)).toBe(2 * HOUR_MS);
    expect(lost(kept({ epoch: 3 }))).toBe(2 * HOUR_MS);
    expect(unit(given(), { checkpoint: kept() }).facts).toMatchObject({ checkpointAgeMs: HOUR_MS });
    expect(unit(given(), { checkpoint: kept({ epoch: 3 }) }).facts).not.toHaveProperty("checkpointAgeMs");
  });

  it("that crashed without a known beat tells that it crashed, and nothing that counts from when", () => {
    const session = given({ endedBy: "lost", lastBeatAtMs: null });
    expect(valuesOf(session, { checkpoint: kept() })).toEqual({ crashed: 1 });
    expect(unit(session).facts).toEqual({ endedBy: "lost", checkpoints: 0 });
    const ended = given({ endedBy: "done", lastBeatAtMs: null });
    expect(valuesOf(ended, { checkpoint: kept() })).toMatchObject({ crashed: 0, lostWorkMs: 0 });
    expect(unit(ended).facts).toMatchObject({ durationMs: 2 * HOUR_MS + 30_000 });
  });

  it("writes so many checkpoints an hour, unless it lived for less than a minute or they were not counted", () => {
    const hourly = (over: Partial<SessionRecord>, checkpoint: SeenOfSession["checkpoint"] = kept()) =>
      valuesOf(given(over), { checkpoint }).checkpointsPerHour;
    expect(hourly({})).toBe(3);
    expect(hourly({}, null)).toBe(0);
    expect(hourly({}, kept({ epoch: 3 }))).toBe(0);
    expect(hourly({}, kept({ ofStart: undefined }))).toBeUndefined();
    expect(hourly({ lastBeatAtMs: AT_MS + 59_999 })).toBeUndefined();
    expect(hourly({ lastBeatAtMs: AT_MS + 60_000 })).toBe(360);
  });

  it("was last seen as its signals said, if they were of this start", () => {
    const signals = { contextUsed: 0.8, toolCalls: 31, messages: 2 };
    const said = { epoch: 4, atMs: AT_MS, zone: "danger" as const, signals };
    expect(unit(given(), { said }).facts).toMatchObject({ zone: "danger", contextUsed: 0.8, toolCalls: 31 });
    const odd = { ...said, zone: null, signals: { contextUsed: "much", toolCalls: -1 } };
    for (const other of [{ ...said, epoch: 3 }, odd, null])
      expect(Object.keys(unit(given(), { said: other }).facts).sort()).toEqual([
        ...["checkpoints", "durationMs", "endedBy"],
      ]);
  });

  it("stalled, and was gone on with, as its supervisor said", () => {
    const said = (signals: Record<string, number | string>, epoch = 4) => ({
      said: { epoch, atMs: AT_MS, zone: null, signals },
    });
    expect(valuesOf(given(), said({ stalls: 2, fidelity: 0.9 }))).toMatchObject({
      stalled: 1,
      fidelity: 0.9,
    });
    expect(unit(given(), said({ stalls: 1, stalledIn: "tool_running" })).facts).toMatchObject({
      activity: "tool_running",
    });
    expect(valuesOf(given(), said({ stalls: 0 }))).toMatchObject({ stalled: 0 });
    for (const nothing of [said({}), said({ stalls: 1, fidelity: 1 }, 3)]) {
      expect(valuesOf(given(), nothing)).not.toHaveProperty("stalled");
      expect(valuesOf(given(), nothing)).not.toHaveProperty("fidelity");
    }
  });

  test("is valid whatever is known, and never measures less than nothing", () => {
    const atMs = fc.integer({ min: AT_MS - 1_000, max: AT_MS + 9_000_000 });
    const session = fc.record({
      endedBy: fc.option(fc.constantFrom(...EndedBy.options), { nil: undefined }),
      startedAtMs: atMs,
      lastBeatAtMs: fc.option(atMs),
      givenUpAtMs: fc.option(atMs, { nil: undefined }),
      cwd: fc.option(fc.string()),
    });
    const checkpoint = fc.option(
      fc.record({
        epoch: fc.constantFrom(3, 4),
        ofStart: fc.option(fc.nat(), { nil: undefined }),
        atMs,
      }),
    );
    const value = fc.oneof(fc.double(), fc.string(), fc.boolean());
    const signals = fc.record({ contextUsed: value, toolCalls: value });
    fc.assert(
      fc.property(session, checkpoint, signals, (over, of, said) => {
        const made = unit(given(over), {
          checkpoint: of && kept(of),
          said: { epoch: 4, atMs: AT_MS, zone: "safe", signals: said },
        });
        expect(UnitRecord.parse(made)).toEqual(made);
        for (const metric of Object.values(made.outcome.values)) expect(metric).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe("where a session works", () => {
  it.each([
    ["/srv/shim", "shim"],
    ["/srv/shim/", "shim"],
    ["C:\\work\\größe", "größe"],
    ["shim", "shim"],
    [`/srv/${"x".repeat(200)}`, "x".repeat(64)],
    ["/", null],
    ["", null],
    [null, null],
  ])("in %j is %j", (cwd, repository) => {
    expect(repositoryOf(cwd)).toBe(repository);
  });
});
