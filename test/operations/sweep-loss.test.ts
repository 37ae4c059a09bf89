import { describe, expect, it } from "vitest";
import { tapPorts } from "../fixtures/crash-points.ts";
import { type World, createWorld } from "../fixtures/memory-world.ts";

/** A session that works, and a task that waits for room, swept until nothing is left to mend. */
async function working() {
  const world = createWorld({ profile: "fast" });
  const chat = await world.register("s1", { capacity: 1 });
  await world.tick();
  await world.submit({ id: "held" }, { id: "waiting" });
  await world.deliver();
  expect(await world.claim(chat)).toHaveLength(1);
  await world.tick();
  return { world, chat };
}

/** One tick, in which Redis is lost right before one of the calls it makes of its ports. */
async function tickWithLossBefore(world: World, lossAt: number) {
  let calls = 0;
  const tapped = tapPorts(world.ports, async (_call, run) => {
    if (calls++ === lossAt) world.loseRedis();
    return await run();
  });
  const busy = await world.tick(false, tapped);
  return { busy, struck: calls > lossAt };
}

describe("Redis lost in the middle of a tick", () => {
  it.each([
    ["that had nothing to mend", false],
    ["that mends an earlier loss", true],
  ])(
    "%s never looks like an idle fleet, and is mended by the next, wherever it strikes",
    async (_, again) => {
      for (let lossAt = 0; ; lossAt++) {
        const { world } = await working();
        if (again) world.loseRedis();
        world.advance(500);
        const { busy, struck } = await tickWithLossBefore(world, lossAt);
        if (!struck) {
          expect(lossAt).toBeGreaterThan(8);
          return;
        }
        const where = `lost before call ${lossAt}`;
        expect(busy, where).toBe(true);
        world.advance(500);
        await world.tick();
        expect(await world.ports.registry.count(), where).toBe(1);
        expect(await world.ports.workQueue.heads("default"), where).toMatchObject([{ taskId: "waiting" }]);
      }
    },
  );
});

describe("Redis that fails over in the middle of a tick", () => {
  it.each([
    ["to what it was long before, with nothing lost meanwhile", "long before", false],
    ["to what it was long before, and that mends an earlier loss", "long before", true],
    ["to what the tick before left, and that mends an earlier loss", "by the tick before", true],
  ])("%s, is noticed by that tick or by the next, and gives up nobody who beats", async (_, saved, again) => {
    for (let at = 0; ; at++) {
      const { world, chat } = await working();
      const before = world.saveRedis();
      world.advance(3_000);
      if (saved === "long before") await world.beat(chat, [{ id: "s1", epoch: 1 }]);
      await world.tick();
      const failOver = saved === "long before" ? before : world.saveRedis();
      await world.beat(chat, [{ id: "s1", epoch: 1 }]);
      world.advance(500);
      if (again) world.loseRedis();
      let calls = 0;
      // What equals the tick before cannot be told from it, unless this tick has seen the loss.
      let telling = saved === "long before";
      const tapped = tapPorts(world.ports, async ({ path }, run) => {
        telling ||= path === "agenda.setStamp";
        if (telling && calls++ === at) failOver();
        return await run();
      });
      await world.tick(false, tapped);
      if (calls <= at) {
        expect(at).toBeGreaterThan(8);
        return;
      }
      world.advance(500);
      await world.tick();
      const where = `failed over before call ${at}`;
      expect((await world.ports.record.sessions.get("default", "s1"))?.state, where).toBe("live");
      const [deadlineMs] = await world.ports.registry.deadlines([
        { fleet: "default", host: "h1", session: "s1", epoch: 1 },
      ]);
      expect(deadlineMs, where).toBeGreaterThanOrEqual(world.nowMs() + 3_000);
    }
  });
});
