import { expect, test } from "vitest";
import type { Agenda, AgendaEntry } from "../../shared/ports/agenda.ts";
import type { Store } from "./redis-stores.ts";

export const ONE_OF_EACH: readonly AgendaEntry[] = [
  { kind: "balance", fleet: "alpha" },
  { kind: "effects", fleet: "alpha", task: "t.1" },
  { kind: "key", fleet: "alpha", keyId: "key_1" },
  { kind: "pause", fleet: "alpha" },
  { kind: "settle", fleet: "alpha", session: "s-1" },
  { kind: "signals", fleet: "alpha", host: "h-1", minute: 29_216_666 },
  { kind: "timeout", fleet: "alpha", task: "t.1", fence: 7 },
  { kind: "verify", fleet: "alpha", session: "s-1", host: "h", epoch: 2 },
  { kind: "zone", fleet: "alpha", session: "s-1", zone: "danger", atMs: 1_753_000_000_123 },
];
const [first, second, third] = ONE_OF_EACH.filter((_, place) => place < 3) as [
  AgendaEntry,
  AgendaEntry,
  AgendaEntry,
];

/** What every agenda guarantees. */
export function describeAgenda(store: Store<Agenda>): void {
  test("entries of every kind come back as they were put, equal times by their text", async () => {
    await store.port.put([...ONE_OF_EACH].reverse(), 100);
    expect(await store.port.due(100, 10)).toEqual(ONE_OF_EACH);
    expect(await store.port.count()).toBe(ONE_OF_EACH.length);
  });

  test("only what is due comes, earliest first, at most as many as asked for, and stays until done", async () => {
    await store.port.put([first], 300);
    await store.port.put([second], 200);
    await store.port.put([third], 301);
    expect(await store.port.due(300, 10)).toEqual([second, first]);
    expect(await store.port.due(300, 1)).toEqual([second]);
    await store.port.done([second, third]);
    expect(await store.port.due(1_000, 10)).toEqual([first]);
    expect(await store.port.count()).toBe(1);
  });

  test("an entry keeps the earlier of its times", async () => {
    await store.port.put([first], 200);
    await store.port.put([first, second], 300);
    expect(await store.port.due(200, 10)).toEqual([first]);
    await store.port.put([first], 100);
    expect(await store.port.due(100, 10)).toEqual([first]);
    expect(await store.port.count()).toBe(2);
  });

  test("an entry is there until it is done, due or not", async () => {
    expect(await store.port.has(first)).toBe(false);
    await store.port.put([first], 1_000_000);
    expect(await store.port.has(first)).toBe(true);
    expect(await store.port.has(second)).toBe(false);
    await store.port.done([first]);
    expect(await store.port.has(first)).toBe(false);
  });

  test("another fleet, fence or epoch is another entry", async () => {
    const timeout: AgendaEntry = { kind: "timeout", fleet: "alpha", task: "t", fence: 1 };
    await store.port.put([timeout], 100);
    await store.port.done([
      { ...timeout, fleet: "beta" },
      { ...timeout, fence: 2 },
    ]);
    expect(await store.port.due(100, 10)).toEqual([timeout]);
  });

  test("more entries than one command names are all put and done, and none is no request", async () => {
    const many = Array.from({ length: 1_201 }, (_, place): AgendaEntry => ({
      kind: "effects",
      fleet: "f",
      task: `t${place}`,
    }));
    await store.port.put(many, 100);
    expect(await store.port.count()).toBe(1_201);
    expect(await store.port.due(100, 2_000)).toHaveLength(1_201);
    await store.port.done(many);
    await store.port.put([], 100);
    await store.port.done([]);
    expect(await store.port.count()).toBe(0);
  });

  test("the stamp never falls, and is null once it was lost", async () => {
    expect(await store.port.stamp()).toBeNull();
    await store.port.setStamp(1_753_000_000_123);
    await store.port.setStamp(1_753_000_000_100);
    expect(await store.port.stamp()).toBe(1_753_000_000_123);
    await store.port.put([first], 1);
    await store.lose();
    expect(await store.port.stamp()).toBeNull();
    expect(await store.port.count()).toBe(0);
  });

  test("a stamp is raised where it is as a tick found it, or another's, and neither lost nor from before", async () => {
    const [earlier, previous, found, now] = [
      1_753_000_000_001, 1_753_000_000_100, 1_753_000_000_123, 1_753_000_000_456,
    ] as const;
    const raise = () => store.port.raiseStamp(now, found, previous);
    expect(await raise(), "lost").toBe(false);
    expect(await store.port.stamp()).toBeNull();
    await store.port.setStamp(earlier);
    expect(await raise(), "came back").toBe(false);
    expect(await store.port.stamp()).toBe(earlier);
    await store.port.setStamp(found);
    expect(await raise(), "as found").toBe(true);
    expect(await raise(), "and again").toBe(true);
    expect(await store.port.stamp()).toBe(now);
    expect(await store.port.raiseStamp(previous, found, earlier), "a later tick's").toBe(true);
    expect(await store.port.stamp()).toBe(now);
  });
}
