import { describe, expect, it } from "vitest";
import { portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";
import { createFleet } from "../../shared/operations/manage-fleets.ts";
import { measureFleets } from "../../shared/operations/measure-fleets.ts";
import { readMetrics } from "../../shared/operations/read-metrics.ts";
import { runSweep } from "../../shared/operations/run-sweep.ts";
import { allFleets } from "../../shared/operations/sweep-tick.ts";

describe("what fleets have, once a minute", () => {
  it("is counted of each that has sessions or open tasks, over all pages", async () => {
    const world = createWorld();
    must(await createFleet(world.ports, { id: "empty" }, null));
    for (let i = 0; i < 3; i++) await world.register(`s${i}`);
    for (let i = 0; i < 11; i++)
      await world.submit(...Array.from({ length: 100 }, (_, j) => ({ id: `t${i}-${j}` })));
    await measureFleets(world.ports, await allFleets(world.ports));
    expect(world.gauges).toEqual([{ fleet: FLEET, values: { ActiveSessions: 3, OpenTasks: 1_100 } }]);
  });

  it("is left for the next minute when the record does not answer", async () => {
    const world = createWorld();
    await world.register("s1");
    const away = portsWithout(world.ports, "record.sessions.list");
    await measureFleets(away, await allFleets(world.ports));
    expect(world.gauges).toEqual([]);
    expect(world.logged.at(-1)).toMatchObject({ level: "warn", fields: { store: "record.sessions.list" } });
  });

  it("fails the sweep for what is no outage", async () => {
    const world = createWorld();
    const broken = tapPorts(world.ports, (call, run) =>
      call.path === "record.tasks.listOpen" ? Promise.reject(new Error("a bug")) : run(),
    );
    await expect(measureFleets(broken, await allFleets(world.ports))).rejects.toThrow("a bug");
  });
});

describe("metrics as they are read", () => {
  it("say that no sweep has ticked, and then since when they have", async () => {
    const world = createWorld();
    expect((await readMetrics(world.ports, FLEET)).sweep).toBeNull();
    await runSweep(world.ports, "schedule");
    const tickAtMs = world.nowMs();
    world.advance(61_000);
    const { sweep, nowMs } = await readMetrics(world.ports, FLEET);
    expect(sweep).toEqual({ upSinceMs: tickAtMs, tickAtMs });
    expect(nowMs).toBe(tickAtMs + 61_000);
  });

  it("take the sums of this fleet and of the whole deployment, not another fleet's", async () => {
    const world = createWorld();
    await world.ports.tallies.add(FLEET, { TasksMoved: 2 });
    await world.ports.tallies.add("another", { TasksMoved: 7 });
    await world.ports.tallies.add(null, { Errors: 3 });
    const { fleetSums, sums } = await readMetrics(world.ports, FLEET);
    expect(fleetSums).toEqual({ TasksMoved: 2 });
    expect(sums).toEqual({ Errors: 3 });
  });
});
