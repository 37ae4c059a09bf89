import { describe, expect, it } from "vitest";
import { PROFILES } from "../../shared/contract/profile.ts";
import { createWorld } from "../fixtures/memory-world.ts";

const HOSTS = 1_000;

describe("1,000 hosts that come back at the same moment", () => {
  it("are all let in, none is given up, and their next beats are spread over half an interval", async () => {
    const world = createWorld();
    const chats = [];
    for (let i = 0; i < HOSTS; i++)
      chats.push(await world.register(`s${i}`, { host: `h${i}`, boot: `b${i}`, capacity: 1 }));
    await world.tick();
    world.loseRedis();
    world.advance(60_000);
    const { intervalMs } = PROFILES.standard;
    const atOnce = await Promise.all(chats.map((chat) => world.beat(chat, [{ id: chat.id, epoch: 1 }], 1)));
    const waits = atOnce.map((answer) => answer.intervalMs);
    for (const waitMs of waits) {
      expect(waitMs).toBeGreaterThanOrEqual(intervalMs / 2);
      expect(waitMs).toBeLessThanOrEqual(intervalMs);
    }
    const tenths = Map.groupBy(waits, (waitMs) => Math.floor((waitMs - intervalMs / 2) / (intervalMs / 20)));
    const busiest = Math.max(...[...tenths.values()].map(({ length }) => length));
    // Evenly, a tenth of the half interval would see 100 of them.
    expect(busiest).toBeLessThan(150);

    for (let i = 0; i < 6; i++) {
      world.advance(5_000);
      await world.tick();
    }
    const steady = await Promise.all(chats.map((chat) => world.beat(chat, [{ id: chat.id, epoch: 1 }], 2)));
    expect(steady.flatMap(({ sessions }) => sessions.flatMap(({ commands }) => commands))).toEqual([]);
    expect(new Set(steady.map((answer) => answer.intervalMs))).toEqual(
      new Set([PROFILES.standard.idleIntervalMs]),
    );
  });
});
