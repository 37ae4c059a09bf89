import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { furthest, isFurther, pageOf, unreadOf } from "../../shared/domain/inbox.ts";

const NOW_MS = 1_000_000;
const message = (id: number) => ({
  id: `msg_${id}`,
  from: "operator",
  to: "session:a",
  body: id,
  sentAt: "2026-01-01T00:00:00.000Z",
});
const own = (rev: number, carried: readonly number[], expiresAtMs = NOW_MS + 1) => ({
  rev,
  expiresAtMs,
  recent: carried.map((number) => ({ number, message: message(number) })),
});
const reading = (positions: Record<string, number>) => ({ positions });
const FETCH = { messages: [], upTo: null, more: true };

describe("what a beat says of unread messages", () => {
  it.each([
    [
      "nothing, when nothing is known of what was read",
      { reading: null, own: own(1, [1]), shared: {} },
      null,
    ],
    [
      "nothing, when all is read",
      { reading: reading({ "session:a": 2 }), own: own(2, [2]), shared: {} },
      null,
    ],
    [
      "nothing, when what is unread has expired",
      { reading: reading({}), own: own(2, [2], NOW_MS), shared: {} },
      null,
    ],
    [
      "those it knows, when none is before them",
      { reading: reading({ "session:a": 1 }), own: own(3, [2, 3]), shared: {} },
      { messages: [message(2), message(3)], upTo: 3, more: false },
    ],
    [
      "only those that are unread",
      { reading: reading({ "session:a": 2 }), own: own(3, [2, 3]), shared: {} },
      { messages: [message(3)], upTo: 3, more: false },
    ],
    [
      "that there is something to fetch, when one is before those it knows",
      { reading: reading({ "session:a": 1 }), own: own(4, [3, 4]), shared: {} },
      FETCH,
    ],
    [
      "that there is something to fetch, when the message is too large",
      { reading: reading({}), own: own(1, []), shared: {} },
      FETCH,
    ],
    [
      "that there is something to fetch in a log that it reads",
      { reading: reading({ "*": 4 }), own: null, shared: { "*": [5, NOW_MS + 1] as const } },
      FETCH,
    ],
    [
      "nothing of a log that it does not read, or whose newest has expired",
      {
        reading: reading({ "*": 4 }),
        own: null,
        shared: { "*": [5, NOW_MS] as const, "topic:x": [9, NOW_MS + 1] as const },
      },
      null,
    ],
    [
      "both, when there are both",
      { reading: reading({ "*": 0 }), own: own(1, [1]), shared: { "*": [1, NOW_MS + 1] as const } },
      { messages: [message(1)], upTo: 1, more: true },
    ],
  ])("%s", (_, hint, expected) => {
    expect(unreadOf(hint, "a", NOW_MS)).toEqual(expected);
  });
});

describe("a page of several logs", () => {
  const log = (name: string) =>
    fc
      .array(
        fc.record({
          sentAtMs: fc.integer({ min: 1, max: 20 }),
          bytes: fc.constantFrom(1, 400_000, 2_000_000),
          living: fc.boolean(),
        }),
        { maxLength: 12 },
      )
      .map((entries) =>
        entries.map(({ living, ...entry }, i) => ({
          ...entry,
          log: name,
          rev: i + 1,
          expiresAtMs: living ? NOW_MS + 1 : NOW_MS,
        })),
      );

  it("brings all that has not expired, once and in order, however it is cut, and ends", () => {
    fc.assert(
      fc.property(fc.tuple(log("*"), log("topic:a"), log("session:a")), (logs) => {
        const brought: { log: string; rev: number }[] = [];
        let positions: Record<string, number> = {};
        for (let pages = 0; ; pages++) {
          expect(pages).toBeLessThan(100);
          const left = logs.map((entries) =>
            entries.filter(({ log: name, rev }) => rev > (positions[name] ?? 0)),
          );
          const next = pageOf(left, NOW_MS);
          const upTo = furthest(positions, next.positions);
          if (!isFurther(upTo, positions)) break;
          expect(
            next.page.length === 1 || next.page.reduce((sum, { bytes }) => sum + bytes, 0) <= 1_048_576,
          ).toBe(true);
          brought.push(...next.page);
          positions = upTo;
        }
        for (const entries of logs)
          expect(brought.filter(({ log: name }) => name === entries[0]?.log)).toEqual(
            entries.filter(({ expiresAtMs }) => expiresAtMs > NOW_MS),
          );
        expect(positions).toEqual(
          Object.fromEntries(
            logs.flatMap((entries) => entries.slice(-1).map(({ log: name, rev }) => [name, rev])),
          ),
        );
      }),
      { numRuns: 200 },
    );
  });
});
