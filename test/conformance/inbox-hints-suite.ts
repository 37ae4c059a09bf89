import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryInboxHints } from "../../shared/adapters/memory/inbox-hints.ts";
import { ANNOUNCED_LOGS_LIMIT } from "../../shared/contract/limits.ts";
import type { InboxHints, OwnLog } from "../../shared/ports/inbox-hints.ts";
import type { Store } from "./redis-stores.ts";

const NOW_MS = 1_753_000_000_000;
const EXPIRES_MS = NOW_MS + 86_400_000;

export function ownLog(rev: number, ...bodies: unknown[]): OwnLog {
  const recent = bodies.map((body, i) => ({
    number: rev - bodies.length + 1 + i,
    message: {
      id: `msg_${i}`,
      from: "operator",
      to: "session:a",
      body,
      sentAt: "2026-01-01T00:00:00.000Z",
    },
  }));
  return { rev, expiresAtMs: EXPIRES_MS, recent };
}

/** What the hints of messages guarantee, wherever they are. */
export function describeInboxHints(store: Store<InboxHints>): void {
  const hint = async (session = "a", fleet = "f") => (await store.port.read(fleet, [session]))[0];
  const number = async (log: string) => (await hint())?.shared[log]?.[0];

  test("nothing is known of a session without messages", async () => {
    expect(await hint()).toEqual({ reading: null, own: null, shared: {} });
    expect(await store.port.read("f", [])).toEqual([]);
  });

  test("bodies come back as they were, empty lists and long numbers too", async () => {
    const own = ownLog(7, [], { a: {}, b: [[]], c: 9007199254740991 }, 'quote " \\ ü \u2028');
    await store.port.deliver("f", "a", own);
    expect((await hint())?.own).toEqual(own);
  });

  test("what is older never replaces what is newer", async () => {
    await store.port.deliver("f", "a", ownLog(2, "two"));
    await store.port.deliver("f", "a", ownLog(1, "one"));
    await store.port.deliver("f", "a", ownLog(2, "other"));
    await store.port.place("f", "a", { rev: 3, positions: { "*": 4 } });
    await store.port.place("f", "a", { rev: 2, positions: { "*": 9 } });
    await store.port.announce("f", "*", { number: 5, expiresAtMs: EXPIRES_MS }, NOW_MS);
    await store.port.announce("f", "*", { number: 4, expiresAtMs: EXPIRES_MS + 1 }, NOW_MS);
    expect(await hint()).toEqual({
      reading: { rev: 3, positions: { "*": 4 } },
      own: ownLog(2, "two"),
      shared: { "*": [5, EXPIRES_MS] },
    });
  });

  test("each session and each fleet has its own, and the sessions of a fleet share what is for all", async () => {
    await store.port.deliver("f", "a", ownLog(1));
    await store.port.place("f", "b", { rev: 1, positions: {} });
    await store.port.announce("f", "topic:x", { number: 1, expiresAtMs: EXPIRES_MS }, NOW_MS);
    const shared = { "topic:x": [1, EXPIRES_MS] };
    expect(await store.port.read("f", ["a", "b", "c"])).toEqual([
      { reading: null, own: ownLog(1), shared },
      { reading: { rev: 1, positions: {} }, own: null, shared },
      { reading: null, own: null, shared },
    ]);
    expect(await hint("a", "g")).toEqual({ reading: null, own: null, shared: {} });
  });

  test("a log whose newest message has expired is forgotten when another gets one", async () => {
    await store.port.announce("f", "topic:old", { number: 9, expiresAtMs: NOW_MS + 10 }, NOW_MS);
    await store.port.announce("f", "topic:new", { number: 1, expiresAtMs: EXPIRES_MS }, NOW_MS + 9);
    expect(await number("topic:old")).toBe(9);
    await store.port.announce("f", "topic:new", { number: 2, expiresAtMs: EXPIRES_MS }, NOW_MS + 10);
    expect(await number("topic:old")).toBeUndefined();
    expect(await number("topic:new")).toBe(2);
  });

  test("past the limit of logs the first to expire goes, and never the one just announced", async () => {
    for (let i = 0; i < ANNOUNCED_LOGS_LIMIT; i++)
      await store.port.announce("f", `topic:${i}`, { number: 1, expiresAtMs: EXPIRES_MS + i }, NOW_MS);
    await store.port.announce("f", "topic:late", { number: 1, expiresAtMs: NOW_MS + 1 }, NOW_MS);
    expect(Object.keys((await hint())?.shared ?? {})).toHaveLength(ANNOUNCED_LOGS_LIMIT);
    expect(await number("topic:late")).toBe(1);
    expect(await number("topic:0")).toBeUndefined();
    expect(await number("topic:1")).toBe(1);
  });

  test("losing all of it is knowing nothing again", async () => {
    await store.port.deliver("f", "a", ownLog(1));
    await store.port.announce("f", "*", { number: 1, expiresAtMs: EXPIRES_MS }, NOW_MS);
    await store.lose();
    expect(await hint()).toEqual({ reading: null, own: null, shared: {} });
  });

  test("whatever is called in whatever order, it answers as the memory does", async () => {
    const log = fc.constantFrom("*", "topic:a", "topic:b");
    const few = fc.integer({ min: 1, max: 4 });
    const call = fc.record({ kind: fc.constantFrom("deliver", "place", "announce"), log, rev: few, at: few });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 20 }), async (calls) => {
        await store.lose();
        const memory = createMemoryInboxHints();
        for (const { kind, log: name, rev, at } of calls)
          for (const port of [memory, store.port]) {
            if (kind === "deliver") await port.deliver("f", "a", ownLog(rev, at));
            else if (kind === "place") await port.place("f", "a", { rev, positions: { [name]: at } });
            else
              await port.announce("f", name, { number: rev, expiresAtMs: NOW_MS + at * 2 }, NOW_MS + at + 1);
          }
        expect(await store.port.read("f", ["a"])).toEqual(await memory.read("f", ["a"]));
      }),
      { numRuns: 25 },
    );
  });
}
