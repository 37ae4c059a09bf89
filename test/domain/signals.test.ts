import { describe, expect, it } from "vitest";
import { HOST_SESSIONS_LIMIT, SIGNALS_KEPT_BYTES } from "../../shared/contract/limits.ts";
import type { SignalsMinute, ZoneChange } from "../../shared/contract/signals.ts";
import { pageOfSignals } from "../../shared/domain/signal-history.ts";
import { keptSignals, minuteOf, withSignals } from "../../shared/domain/signals.ts";

const AT_MS = Date.UTC(2030, 0, 1);
const MINUTE = minuteOf(AT_MS);
const place = { fleet: "f", host: "h", minute: MINUTE };

describe("what is kept of signals", () => {
  it("is plain values; nothing nested, endless or long", () => {
    const signals = { contextUsed: 0.5, model: "m", busy: true, deep: { a: 1 }, list: [1], none: null };
    expect(keptSignals({ ...signals, nan: NaN, long: "x".repeat(101), ["n".repeat(101)]: 1 })).toEqual({
      contextUsed: 0.5,
      model: "m",
      busy: true,
    });
  });

  it("is not the zone, which is kept beside them; but anything else of that name", () => {
    expect(keptSignals({ contextUsed: 0.5, zone: "danger" })).toEqual({ contextUsed: 0.5 });
    expect(keptSignals({ zone: "eu-west" })).toEqual({ zone: "eu-west" });
  });

  it("is as much as fits, what decides the zone first, so that a host's sessions fit one item", () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`s${i}`, "x".repeat(50)]));
    const kept = keptSignals({ ...many, toolFailureRate: 0.3, contextUsed: 0.9 });
    expect(kept).toMatchObject({ toolFailureRate: 0.3, contextUsed: 0.9 });
    expect(Object.keys(kept).length).toBeGreaterThan(5);
    const bytes = Buffer.byteLength(JSON.stringify(kept));
    expect(bytes).toBeLessThanOrEqual(SIGNALS_KEPT_BYTES);
    expect(bytes * HOST_SESSIONS_LIMIT).toBeLessThan(400_000);
  });
});

describe("a host's minute", () => {
  const said = (id: string, epoch = 1, contextUsed = 0.7) => ({ id, epoch, signals: { contextUsed } });

  it("has the first that each session said in it, and another start's beside it", () => {
    const first = withSignals(place, null, [said("a")], AT_MS);
    expect(first?.sessions).toEqual({
      a: { epoch: 1, atMs: AT_MS, zone: "warning", signals: { contextUsed: 0.7 } },
    });
    expect(withSignals(place, first, [said("a", 1, 0.9)], AT_MS + 1)).toBeNull();
    const both = withSignals(place, first, [said("a", 1, 0.9), said("b")], AT_MS + 2);
    expect(both?.sessions["a"]).toEqual(first?.sessions["a"]);
    expect(both?.sessions["b"]).toMatchObject({ atMs: AT_MS + 2 });
    expect(withSignals(place, both, [said("a", 2, 0.1)], AT_MS + 3)?.sessions["a"]).toMatchObject({
      epoch: 2,
    });
  });
});

it("a host's minute has the zone that a session names itself, for its thresholds may be its own", () => {
  const said = { id: "a", epoch: 1, signals: { contextUsed: 0.4, zone: "danger" } };
  expect(withSignals(place, null, [said], AT_MS)?.sessions["a"]?.zone).toBe("danger");
});

describe("a page of a session's history", () => {
  const minute = (n: number, offsetMs = 0): SignalsMinute => ({
    ...{ v: 1, fleet: "f", host: "h", minute: MINUTE + n },
    sessions: {
      a: { epoch: 1, atMs: AT_MS + n * 60_000 + offsetMs, zone: "safe", signals: { n } },
      b: { epoch: 1, atMs: AT_MS + n * 60_000, zone: "danger", signals: { n: -1 } },
    },
  });
  const zone = (atMs: number, to: ZoneChange["zone"] = "warning"): ZoneChange => ({
    ...{ v: 1, fleet: "f", session: "a", atMs: AT_MS + atMs },
    zone: to,
  });
  const page = (
    read: Partial<Parameters<typeof pageOfSignals>[2]>,
    { afterMs = AT_MS - 1, toMs = AT_MS + 3_600_000, limit = 100 } = {},
  ) => {
    const { points, afterMs: next } = pageOfSignals(
      "a",
      { afterMs, toMs, limit },
      { minutes: [], moreMinutes: false, zones: [], moreZones: false, ...read },
    );
    const short = points.map(({ at, zone: into, signals }) => [
      Date.parse(at) - AT_MS,
      into,
      signals && signals["n"],
    ]);
    return { points: short, next: next === null ? null : next - AT_MS };
  };

  it("is in order of time, of this session alone; a change and signals of one time are one point", () => {
    const read = { minutes: [minute(0, 5), minute(1)], zones: [zone(70), zone(60_000, "danger")] };
    expect(page(read)).toEqual({
      points: [
        [5, "safe", 0],
        [70, "warning", null],
        [60_000, "safe", 1],
      ],
      next: null,
    });
    expect(page({ minutes: [{ ...minute(0), sessions: {} }] })).toEqual({ points: [], next: null });
  });

  it("leaves out what is before its beginning and after its end", () => {
    const read = { minutes: [minute(0, 5), minute(1)], zones: [zone(6), zone(60_001)] };
    expect(page(read, { afterMs: AT_MS + 5, toMs: AT_MS + 60_000 }).points.map(([at]) => at)).toEqual([
      6, 60_000,
    ]);
  });

  it("ends where one of the lists was not read to its end, and goes on from there", () => {
    const read = { minutes: [minute(0), minute(1)], zones: [zone(10), zone(130_000)] };
    const byMinutes = page({ ...read, moreMinutes: true });
    expect(byMinutes.points.map(([at]) => at)).toEqual([0, 10, 60_000]);
    expect(byMinutes.next).toBe(119_999);
    const byZones = page({ minutes: [minute(0), minute(5)], zones: read.zones, moreZones: true });
    expect(byZones.points.map(([at]) => at)).toEqual([0, 10, 130_000]);
    expect(byZones.next).toBe(130_000);
    expect(page({ minutes: [{ ...minute(3), sessions: {} }], moreMinutes: true })).toEqual({
      points: [],
      next: 239_999,
    });
  });

  it("has at most as many points as asked for, and the next begins after the last", () => {
    const read = { minutes: [minute(0), minute(1), minute(2)] };
    expect(page(read, { limit: 2 })).toMatchObject({ next: 60_000 });
    expect(page(read, { limit: 2, afterMs: AT_MS + 60_000 })).toEqual({
      points: [[120_000, "safe", 2]],
      next: null,
    });
    expect(page(read, { limit: 3 })).toMatchObject({ next: null });
  });
});
