import { describe, expect, it } from "vitest";
import type { ExperimentRecord, StageTotals } from "../../shared/contract/experiments.ts";
import { DAY_MS, dayOf } from "../../shared/domain/experiments/day.ts";
import {
  approveExperiment,
  listExperiments,
  stopExperiment,
} from "../../shared/operations/decide-experiment.ts";
import { LATE_DAYS } from "../../shared/operations/experiment-totals.ts";
import { fleetOf } from "../../shared/operations/fleet-of.ts";
import { guardExperiments } from "../../shared/operations/guard-experiments.ts";
import { changeTuning } from "../../shared/operations/manage-tuning.ts";
import { NIGHT_AT_MS, nightAt, runNight } from "../../shared/operations/run-night.ts";
import { runSweep } from "../../shared/operations/run-sweep.ts";
import { allFleets } from "../../shared/operations/sweep-tick.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { crashEverywhere, interrupting, portsWithout } from "../fixtures/crash-points.ts";
import { aStage, anArm, anExperiment } from "../fixtures/experiments.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";
import { createDraws } from "../study/draws.ts";
import { createMemoryDoor } from "../study/memory-door.ts";
import { liveThrough } from "../study/whole-fleet.ts";

/** A world in the night of its tenth day. */
function nightWorld() {
  const world = createWorld();
  world.advance(10 * DAY_MS + NIGHT_AT_MS);
  return { world, ports: world.ports, night: nightAt(world.nowMs()) };
}

/** An experiment that began ten nights ago, of whose units the totals are known. */
function begun(world: World, stages: StageTotals[]): ExperimentRecord {
  const day = dayOf(world.nowMs());
  const startedAtMs = world.nowMs() - 10 * DAY_MS;
  return anExperiment({
    stages: [0.1, 0.25, 0.5].map((treatmentShare) => ({
      treatmentShare,
      sinceNight: day - 10,
      sinceMs: startedAtMs,
    })),
    night: day - 1,
    startedAtMs,
    settled: { throughDay: day - LATE_DAYS, stages },
  });
}
const totals = (lost: number, crashes = 10): StageTotals[] => [
  aStage(
    2,
    0.5,
    anArm(300, { lostWorkMs: 60_000, crashed: 0.05 }, { variance: 1e9, events: { crashed: 10 } }),
    anArm(300, { lostWorkMs: lost, crashed: 0.05 }, { variance: 1e9, events: { crashed: crashes } }),
  ),
];
const BETTER = totals(20_000);
const HARMFUL = totals(60_000, 60);

async function seed(world: World, experiment: ExperimentRecord): Promise<void> {
  await world.ports.record.experiments.commit(null, experiment);
  must(await changeTuning(world.ports, FLEET, { mode: "auto" }));
}

/** Everything that a night may change, without how often it was written. */
async function stateOf({ record }: Ports, fleet = FLEET) {
  const experiments = await record.experiments.list(fleet);
  const sessions = await record.sessions.getMany(fleet, ["live", "other"]);
  const { tuning } = (await record.fleets.get(fleet)) ?? {};
  return {
    experiments: experiments.map(({ rev: _, ...rest }) => rest),
    tuning,
    sessions: sessions.map(({ id, parameters, variants }) => ({ id, parameters, variants })),
  };
}

/** A night that is killed anywhere and run again comes to the same, and running it once more changes nothing. */
async function survivesKills(prepare: () => Promise<{ world: World; ports: Ports }>): Promise<number> {
  const undisturbed = await prepare();
  await runNight(undisturbed.ports);
  const wanted = await stateOf(undisturbed.ports);
  return crashEverywhere({
    prepare,
    act: (_, ports) => runNight(ports),
    async check({ ports }) {
      expect(await runNight(ports)).toMatchObject({ failed: 0 });
      expect(await stateOf(ports)).toEqual(wanted);
      const revs = (await ports.record.experiments.list(FLEET)).map(({ rev }) => rev);
      await runNight(ports);
      expect((await ports.record.experiments.list(FLEET)).map(({ rev }) => rev)).toEqual(revs);
      expect(await stateOf(ports)).toEqual(wanted);
    },
  });
}

describe("a night", () => {
  it("is named and timed by its schedule, however late it is run", () => {
    const day = 20_000;
    expect(nightAt(day * DAY_MS + NIGHT_AT_MS)).toEqual({ day, atMs: day * DAY_MS + NIGHT_AT_MS });
    expect(nightAt((day + 1) * DAY_MS + NIGHT_AT_MS - 1)).toEqual(nightAt(day * DAY_MS + NIGHT_AT_MS));
  });

  it("that ships may be killed anywhere", async () => {
    const points = await survivesKills(async () => {
      const { world, ports } = nightWorld();
      await seed(world, begun(world, BETTER));
      return { world, ports };
    });
    expect(points).toBeGreaterThanOrEqual(5);
  });

  it("that rolls back may be killed anywhere, and live sessions get back what was used before", async () => {
    const prepare = async () => {
      const { world, ports } = nightWorld();
      const experiment = begun(world, HARMFUL);
      await seed(world, experiment);
      for (const id of ["live", "other"]) {
        await world.register(id, { host: `host-${id}`, boot: `boot-${id}` });
        const session = await world.session(id);
        const variant = { variant: "treatment", stage: 2, atMs: world.nowMs() } as const;
        await ports.record.sessions.commit(session, {
          ...session,
          parameters: { checkpointIntervalMs: 300_000 },
          variants: { [experiment.id]: variant },
        });
      }
      return { world, ports };
    };
    const points = await survivesKills(prepare);
    expect(points).toBeGreaterThanOrEqual(7);
    const { ports } = await prepare();
    await runNight(ports);
    const { experiments, sessions } = await stateOf(ports);
    expect(experiments).toMatchObject([{ state: "rolled_back" }]);
    expect(sessions.map(({ parameters }) => parameters?.checkpointIntervalMs ?? 600_000)).toEqual([
      600_000, 600_000,
    ]);
  });

  it("that proposes and starts may be killed anywhere", async () => {
    const prepare = async () => {
      const door = createMemoryDoor();
      const { world } = door;
      must(await changeTuning(world.ports, FLEET, { mode: "auto" }));
      const script = {
        sessionsPerDay: 30,
        hosts: 5,
        crashes: () => 0.5,
        checkpointsEvery: (intervalMs: number) => intervalMs,
      };
      const days = { startMs: door.startMs, days: 8 };
      // Nobody looks in these nights: the next is the first that may propose.
      const asleep = { ...door, night: async () => undefined, guard: async () => undefined };
      await liveThrough(asleep, script, createDraws("nights", 1), days, async () => false);
      for (let day = 3; day < 7; day++) {
        world.advance(door.startMs + day * DAY_MS + NIGHT_AT_MS - world.nowMs());
        await runNight(world.ports);
      }
      world.advance(DAY_MS);
      return { world, ports: world.ports };
    };
    expect(await survivesKills(prepare)).toBeGreaterThanOrEqual(5);
    const { ports } = await prepare();
    expect((await stateOf(ports)).experiments).toEqual([]);
    await runNight(ports);
    expect((await stateOf(ports)).experiments).toMatchObject([{ state: "running" }]);
  }, 60_000);

  it("of one fleet that fails is the others' all the same, and the function says so", async () => {
    const { world, ports } = nightWorld();
    await seed(world, begun(world, BETTER));
    const broken = portsWithout(ports, "record.units.exposed");
    expect(await runNight(broken)).toEqual({ fleets: 1, failed: 1 });
    expect((await stateOf(ports)).experiments).toMatchObject([{ state: "running" }]);
    expect(world.logged.some(({ message }) => message === "a fleet's night failed")).toBe(true);
    expect(await runNight(ports)).toEqual({ fleets: 1, failed: 0 });
    expect((await stateOf(ports)).experiments).toMatchObject([{ state: "shipping" }]);
  });

  it("does not bring back what somebody stops at the same time", async () => {
    const { world, ports } = nightWorld();
    const experiment = begun(world, BETTER);
    await seed(world, experiment);
    const stop = () => stopExperiment(ports, FLEET, experiment.id, {});
    await runNight(interrupting(ports, "record.fleets.commit", stop));
    expect((await stateOf(ports)).experiments).toMatchObject([{ state: "halted" }]);
    expect((await stateOf(ports)).tuning?.active).toEqual([]);
  });

  it("shows experiments elsewhere, those that ended long ago no more", async () => {
    const { world, ports } = nightWorld();
    await seed(world, begun(world, BETTER));
    const past = { state: "inconclusive", endedAtMs: world.nowMs() - 10 * DAY_MS } as const;
    await ports.record.experiments.commit(null, anExperiment({ id: "past", ...past }));
    const shown: string[] = [];
    const mirror = { show: async ({ id, state }: ExperimentRecord) => void shown.push(`${id} ${state}`) };
    await runNight({ ...ports, mirror });
    expect(shown).toEqual([expect.stringMatching(/^checkpointIntervalMs-\d+ shipping$/)]);
  });

  it("reads a day no more once its outcomes can come no more", async () => {
    const { world, ports } = nightWorld();
    await seed(world, begun(world, BETTER));
    await runNight(ports);
    const [experiment] = await ports.record.experiments.list(FLEET);
    expect(experiment?.settled?.throughDay).toBe(dayOf(world.nowMs()) - LATE_DAYS);
    world.advance(DAY_MS);
    await runNight(ports);
    expect((await ports.record.experiments.list(FLEET))[0]?.settled?.throughDay).toBe(
      dayOf(world.nowMs()) - LATE_DAYS,
    );
  });
});

describe("what people chose", () => {
  it("ends what it forbids, at once and at night", async () => {
    const { world, ports } = nightWorld();
    await seed(world, begun(world, BETTER));
    must(await changeTuning(ports, FLEET, { pin: { checkpointIntervalMs: 120_000 } }));
    expect((await stateOf(ports)).experiments).toMatchObject([
      { state: "halted", log: [{ by: "test" }, { by: "operator" }] },
    ]);
    await world.register("live");
    expect((await world.session("live")).parameters?.checkpointIntervalMs).toBe(120_000);

    const other = nightWorld();
    await seed(other.world, begun(other.world, BETTER));
    const fleet = await fleetOf(other.ports, FLEET);
    const stored = await other.ports.record.fleets.get(FLEET);
    // As if whoever switched it off was killed in between.
    await other.ports.record.fleets.commit(stored, {
      ...fleet,
      tuning: { mode: "off", version: 9, values: {}, pinned: {}, active: fleet.tuning?.active ?? [] },
    });
    await runNight(other.ports);
    expect((await stateOf(other.ports)).experiments).toMatchObject([{ state: "halted" }]);
    expect((await stateOf(other.ports)).tuning?.active).toEqual([]);
  });

  it("waits for approval in a fleet that suggests, and starts once approved", async () => {
    const door = createMemoryDoor();
    const { world } = door;
    const { ports } = world;
    const script = {
      sessionsPerDay: 30,
      hosts: 5,
      crashes: () => 0.5,
      checkpointsEvery: (intervalMs: number) => intervalMs,
    };
    await liveThrough(
      door,
      script,
      createDraws("suggested", 1),
      { startMs: door.startMs, days: 14 },
      async () => (await door.list()).experiments.length > 0,
    );
    const before = await listExperiments(ports, FLEET);
    const [proposal] = before.experiments;
    expect(proposal).toMatchObject({ state: "draft", parameter: "checkpointIntervalMs", treatment: 300_000 });
    expect(before.tuning.mode).toBe("suggest");
    world.advance(DAY_MS);
    await runNight(ports);
    expect((await listExperiments(ports, FLEET)).experiments).toHaveLength(1);
    const approved = must(await approveExperiment(ports, FLEET, proposal?.id ?? ""));
    expect(approved.experiment).toMatchObject({ state: "running", treatmentShare: 0.1 });
    expect((await fleetOf(ports, FLEET)).tuning?.active).toMatchObject([{ id: proposal?.id }]);
  }, 30_000);
});

describe("between nights", () => {
  it("harm ends an experiment without waiting for the night, and nothing else does", async () => {
    for (const [stages, state] of [
      [HARMFUL, "rolled_back"],
      [BETTER, "running"],
    ] as const) {
      const { world, ports } = nightWorld();
      await seed(world, begun(world, stages));
      await guardExperiments(ports, await allFleets(ports));
      expect((await stateOf(ports)).experiments).toMatchObject([{ state }]);
      expect((await stateOf(ports)).tuning?.active).toHaveLength(state === "running" ? 1 : 0);
    }
  });

  it("the sweep looks, at most every quarter of an hour, and goes on if the record does not answer", async () => {
    const { world, ports } = nightWorld();
    await seed(world, begun(world, HARMFUL));
    await world.register("live");
    await runSweep(portsWithout(ports, "record.experiments"), "schedule");
    expect((await stateOf(ports)).experiments).toMatchObject([{ state: "running" }]);
    expect(world.logged.some(({ message }) => message.includes("not guarded"))).toBe(true);
    await runSweep(ports, "schedule");
    expect((await stateOf(ports)).experiments, "it was looked at just now").toMatchObject([
      { state: "running" },
    ]);
    world.advance(15 * 60_000);
    await world.register("again");
    await runSweep(ports, "schedule");
    expect((await stateOf(ports)).experiments).toMatchObject([{ state: "rolled_back" }]);
  });
});
