import { expect, test } from "vitest";
import { HOST_SESSIONS_LIMIT } from "../../shared/contract/limits.ts";
import type { SignalsMinute, ZoneChange } from "../../shared/contract/signals.ts";
import { newFleet } from "./record-fixtures.ts";
import type { RecordWorld } from "./record-worlds.ts";

const AT_MS = Date.UTC(2030, 0, 1);
const MINUTE = AT_MS / 60_000;

const aMinute = (fleet: string, over: Partial<SignalsMinute> = {}): SignalsMinute => ({
  v: 1,
  fleet,
  host: "host-1",
  minute: MINUTE,
  sessions: {
    ses_1: { epoch: 1, atMs: AT_MS, zone: "safe", signals: { contextUsed: 0.25, model: "größe" } },
  },
  ...over,
});

const aZone = (fleet: string, over: Partial<ZoneChange> = {}): ZoneChange => ({
  v: 1,
  fleet,
  session: "ses_1",
  atMs: AT_MS,
  zone: "warning",
  ...over,
});

/** What every history of signals promises. */
export function testSignals(world: () => RecordWorld): void {
  test("minutes of a host come in order, within their range, at most as many as asked for", async () => {
    const { signals } = world().record;
    const fleet = newFleet();
    for (const minute of [MINUTE + 10, MINUTE - 1, MINUTE, MINUTE + 2])
      await signals.putMinute(aMinute(fleet, { minute }));
    await signals.putMinute(aMinute(fleet, { host: "host-2" }));
    const read = async (from: number, to: number, limit: number, host = "host-1") =>
      (await signals.minutes(fleet, host, from, to, limit)).map(({ minute }) => minute - MINUTE);
    expect(await read(MINUTE, MINUTE + 9, 5)).toEqual([0, 2]);
    expect(await read(MINUTE - 1, MINUTE + 10, 5)).toEqual([-1, 0, 2, 10]);
    expect(await read(MINUTE - 1, MINUTE + 10, 2)).toEqual([-1, 0]);
    expect(await read(MINUTE + 3, MINUTE + 9, 5)).toEqual([]);
    expect(await read(0, MINUTE + 99, 5, "host-2")).toEqual([0]);
    expect(await signals.minutes(newFleet(), "host-1", 0, MINUTE + 99, 5)).toEqual([]);
  });

  test("a minute comes back as it was put, and one that is put again replaces it", async () => {
    const { signals } = world().record;
    const fleet = newFleet();
    const said = { epoch: 1, atMs: AT_MS, zone: null, signals: { note: "x".repeat(900), n: 1.5, b: true } };
    const sessions = Object.fromEntries(
      Array.from({ length: HOST_SESSIONS_LIMIT }, (_, i) => [`ses_${i}`, said]),
    );
    for (const minute of [aMinute(fleet), aMinute(fleet, { sessions }), aMinute(fleet, { sessions: {} })]) {
      await signals.putMinute(minute);
      expect(await signals.minutes(fleet, "host-1", MINUTE, MINUTE, 5)).toEqual([minute]);
    }
  });

  test("changes of zone come in order, after one time up to another", async () => {
    const { signals } = world().record;
    const fleet = newFleet();
    const all = [1, 2, 30].map((after) => aZone(fleet, { atMs: AT_MS + after }));
    for (const change of [...all].reverse()) await signals.putZone(change);
    await signals.putZone(aZone(fleet, { session: "ses_2", zone: "danger" }));
    expect(await signals.zones(fleet, "ses_1", 0, AT_MS + 30, 5)).toEqual(all);
    expect(await signals.zones(fleet, "ses_1", 0, AT_MS + 30, 2)).toEqual(all.slice(0, 2));
    expect(await signals.zones(fleet, "ses_1", AT_MS + 1, AT_MS + 29, 5)).toEqual([all[1]]);
    expect(await signals.zones(fleet, "ses_2", 0, AT_MS, 5)).toHaveLength(1);
  });
}
