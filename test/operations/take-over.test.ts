import { describe, expect, it } from "vitest";
import type { SweepRecord } from "../../shared/contract/records.ts";
import { runSweep } from "../../shared/operations/run-sweep.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { type World, createWorld } from "../fixtures/memory-world.ts";

const TICK_MS = 5_000;

/** A world in which another sweep holds the lease and is within a tick that it began now. */
async function worldInTick(): Promise<World> {
  const world = createWorld();
  await world.register("s1");
  await world.tick();
  world.advance(TICK_MS);
  const lease: SweepRecord = {
    v: 1,
    rev: 0,
    fleet: "default",
    holder: "another",
    untilMs: world.nowMs() + 3 * TICK_MS,
    tickAtMs: world.nowMs(),
    repairing: null,
    cursors: null,
    rebuild: false,
  };
  await world.ports.record.sweep.commit(null, lease);
  return world;
}

/** The ports of a run that takes over, with something happening after each of its waits. */
function afterEachWait({ ports }: World, happens: (waits: number) => Promise<unknown>): Ports {
  let waits = 0;
  const wait = async (ms: number) => {
    await ports.clock.wait(ms);
    await happens(++waits);
  };
  return { ...ports, clock: { ...ports.clock, wait } };
}

const pardons = ({ logged }: World) => logged.filter(({ message }) => message.startsWith("outage")).length;

describe("a scheduled run that finds another within a tick", () => {
  it("lets it finish, and does not take its missing stamp for an outage", async () => {
    const world = await worldInTick();
    const tickAtMs = world.nowMs();
    const ports = afterEachWait(world, async (waits) => {
      if (waits === 2) await world.ports.agenda.setStamp(tickAtMs);
    });
    const before = pardons(world);
    await runSweep(ports, "schedule");
    expect(pardons(world)).toBe(before);
    expect((await world.session("s1")).state, "which had been silent").toBe("crashed");
  });

  it("takes over anyway when the other never gets to its end, and pardons everybody", async () => {
    const world = await worldInTick();
    const before = pardons(world);
    expect((await runSweep(world.ports, "schedule")).ticks).toBeGreaterThan(1);
    expect(pardons(world)).toBeGreaterThan(before);
  });

  it("takes over when Redis cannot say how far the other is", async () => {
    const world = await worldInTick();
    await runSweep(portsWithout(world.ports, "agenda.stamp"), "schedule");
    expect((await world.ports.record.sweep.get())?.holder).not.toBe("another");
  });

  it("goes on looking when it loses the race for the lease to the other's next tick", async () => {
    const world = await worldInTick();
    await world.ports.agenda.setStamp(world.nowMs());
    let raced = false;
    const ports = tapPorts(world.ports, async (call, run) => {
      const [, next] = call.args as [unknown, SweepRecord | undefined];
      if (call.path === "record.sweep.commit" && next?.tickAtMs !== undefined && !raced) {
        raced = true;
        const held = await world.ports.record.sweep.get();
        if (held) await world.ports.record.sweep.commit(held, { ...held, tickAtMs: world.nowMs() });
      }
      return run();
    });
    expect((await runSweep(ports, "schedule")).ticks).toBeGreaterThan(1);
  });
});
