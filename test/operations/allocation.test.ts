import { describe, expect, it } from "vitest";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";
import { anExperiment, tune, withAllocation } from "../fixtures/tuning.ts";
import type { Variant } from "../../shared/contract/experiments.ts";
import { PARAMETERS } from "../../shared/contract/parameters.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";
import { completeTask } from "../../shared/operations/settle-task.ts";
import { setBalancing } from "../../shared/operations/rebalance-fleet.ts";
import { tellExposures } from "../../shared/operations/tell-exposures.ts";

const MINUTE = 60_000;
const interval = anExperiment({
  ...{ parameter: "checkpointIntervalMs", unit: "session" },
  ...{ control: 10 * MINUTE, treatment: 5 * MINUTE },
});
const places = anExperiment({ parameter: "tasksPerSession", unit: "host", control: 3, treatment: 6 });
const halfLife = anExperiment({
  ...{ parameter: "balancerHalfLifeAttempts", unit: "host" },
  ...{ control: 10, treatment: 20 },
});

/** The first letter of a unit's id says its arm; of any other letter it is in none. */
const byLetter = (id: string): Variant | null =>
  id.startsWith("t") ? "treatment" : id.startsWith("c") ? "control" : null;
const crashed = { endsAs: "crashed", cause: "killed", lastBeatAtMs: null } as const;
const alone = (id: string) => ({ host: `host-${id}`, boot: `boot-${id}` });

describe("sessions in an experiment", () => {
  it("are told their variant's value; one in no arm gets what the fleet uses and is not control", async () => {
    const world = createWorld();
    const { told } = withAllocation(world, byLetter);
    await tune(world, { active: [interval], values: { checkpointIntervalMs: 8 * MINUTE } });
    const [treated, control, neither] = [
      await world.register("t1"),
      await world.register("c1"),
      await world.register("n1"),
    ];
    const of = ({ answer: { config } }: typeof treated) => [
      config.parameters?.checkpointIntervalMs,
      config.experiments,
    ];
    expect(of(treated)).toEqual([5 * MINUTE, ["checkpointIntervalMs"]]);
    expect(of(control)).toEqual([10 * MINUTE, ["checkpointIntervalMs"]]);
    expect(of(neither)).toEqual([8 * MINUTE, undefined]);
    expect(treated.answer.config.version).not.toBe(control.answer.config.version);
    expect((await world.session("t1")).variants).toMatchObject({
      [interval.id]: { variant: "treatment", stage: 1 },
    });
    expect((await world.session("n1")).variants).toBeUndefined();
    expect(told, "nobody has used it yet").toEqual([]);
  });

  it("are exposed when their agent says that it used the parameter, once", async () => {
    const world = createWorld();
    const { ports, told } = withAllocation(world, byLetter);
    await tune(world, { active: [interval] });
    const treated = await world.register("t1");
    await world.register("t2");
    world.advance(7_000);
    for (let i = 0; i < 2; i++)
      must(await tellExposures(ports, treated.claims, { parameters: ["checkpointIntervalMs"] }));
    const used = { variant: "treatment", stage: 1, atMs: world.nowMs() };
    expect((await world.session("t1")).exposures).toEqual({ [interval.id]: used });
    expect((await world.session("t2")).exposures).toBeUndefined();
    expect(told).toEqual([{ experiment: interval.id, unit: "t1/1", variant: "treatment" }]);
  });

  it("are not exposed to what they are not in, nor to an experiment that is over, nor by an older start", async () => {
    const world = createWorld();
    const { ports, told } = withAllocation(world, byLetter);
    await tune(world, { active: [interval] });
    const neither = await world.register("n1");
    const treated = await world.register("t1");
    must(await tellExposures(ports, neither.claims, { parameters: ["checkpointIntervalMs"] }));
    must(await tellExposures(ports, treated.claims, { parameters: ["contextWarning"] }));
    await tune(world, {});
    must(await tellExposures(ports, treated.claims, { parameters: ["checkpointIntervalMs"] }));
    expect(told).toEqual([]);
    await world.register("t1");
    const parameters = ["checkpointIntervalMs"] as const;
    const asOld = (session: string) =>
      tellExposures(ports, { ...treated.claims, session }, { parameters: [...parameters] });
    expect(await asOld("t1")).toMatchObject({ refused: "session.superseded" });
    expect(await asOld("gone")).toMatchObject({ refused: "session.not_found" });
  });

  it("are another unit with every start, of which nothing remains that the one before was given", async () => {
    const world = createWorld();
    const { asked } = withAllocation(world, (id) => (id.endsWith("/1") ? "treatment" : null));
    await tune(world, { active: [interval] });
    await world.register("s1");
    await recoverSession(world.ports, FLEET, "s1", 1, crashed);
    const again = await world.register("s1");
    expect(asked).toEqual([`${interval.id} s1/1`, `${interval.id} s1/2`]);
    expect(again.answer.config.parameters?.checkpointIntervalMs).toBe(10 * MINUTE);
    expect(await world.session("s1")).not.toHaveProperty("variants");
    expect(await world.session("s1")).not.toHaveProperty("parameters");
  });

  it("keep their variant when their registration is repeated, though the share has changed", async () => {
    const world = createWorld();
    const { asked } = withAllocation(world, byLetter);
    await tune(world, { active: [interval] });
    const first = await world.register("t1", {}, "seed");
    await tune(world, { active: [{ ...interval, treatmentShare: 0.1, stage: 2 }] });
    const repeated = await world.register("t1", {}, "seed");
    expect(repeated.epoch).toBe(1);
    expect(repeated.answer.config.parameters).toEqual(first.answer.config.parameters);
    expect(asked).toHaveLength(1);
  });

  it("are not randomised where a person pinned the parameter", async () => {
    const world = createWorld();
    const { asked } = withAllocation(world, byLetter);
    await tune(world, { active: [interval], pinned: { checkpointIntervalMs: 2 * MINUTE } });
    const { answer } = await world.register("t1");
    expect(answer.config.parameters?.checkpointIntervalMs).toBe(2 * MINUTE);
    expect([asked, answer.config.experiments]).toEqual([[], undefined]);
  });

  it("start all the same when nobody allocates", async () => {
    const world = createWorld();
    withAllocation(world, () => {
      throw new Error("down");
    });
    await tune(world, { active: [interval] });
    const { answer } = await world.register("t1");
    expect(answer.config.parameters?.checkpointIntervalMs).toBe(10 * MINUTE);
    expect(world.logged).toContainEqual(expect.objectContaining({ message: "a unit was not allocated" }));
  });
});

describe("hosts in an experiment", () => {
  it("give all their sessions as many places, and have met it at once, unless a registration says its own", async () => {
    const world = createWorld();
    const { told } = withAllocation(world, (id) => byLetter(id.replace("host-", "")));
    await tune(world, { active: [places] });
    const capacityOf = async (id: string, host: string, capacity?: number) =>
      (await world.register(id, { ...alone(host), capacity })).answer.session.capacity;
    expect(await capacityOf("s1", "t")).toBe(6);
    expect(await capacityOf("s2", "t")).toBe(6);
    expect(await capacityOf("s3", "t", 2)).toBe(2);
    expect(await capacityOf("s4", "c")).toBe(3);
    expect(await capacityOf("s5", "n")).toBe(3);
    const units = ["host-t", "host-t", "host-c"];
    expect(told.map(({ unit }) => unit)).toEqual(units);
    expect((await world.session("s3")).variants).toBeUndefined();
    expect((await world.session("s4")).exposures).toMatchObject({ [places.id]: { variant: "control" } });
  });

  it("are all weighed by the half-life that somebody pinned", async () => {
    const world = createWorld();
    const { ports, told } = withAllocation(world, (id) => byLetter(id.replace("host-", "")));
    await tune(world, { active: [halfLife], pinned: { balancerHalfLifeAttempts: 20 } });
    await setBalancing(ports, FLEET, { policy: "performance" });
    const session = await world.register("s-t", alone("t"));
    for (const id of ["t1", "t2"]) {
      await world.submit({ id, affinity: { session: session.id, required: true } });
      const [held] = must(await claimTasks(ports, session.claims, 1)).tasks;
      must(await completeTask(ports, session.claims, id, { fence: held?.fence ?? 0, result: 1 }));
    }
    const [shown] = await ports.record.performances.getMany(FLEET, [session.id]);
    expect(shown?.types[0]?.weight).toBe(1 + 0.5 ** (1 / 20));
    expect(told, "it is no experiment").toEqual([]);
  });
});

describe("a fleet's heartbeat profile that was tuned", () => {
  it("is of hosts that register from then on, with all their sessions; others keep theirs, and nobody is given up early", async () => {
    const world = createWorld();
    const old = await world.register("old", alone("old"));
    await tune(world, { pinned: { heartbeatProfile: "fast" } });
    const young = await world.register("young", alone("young"));
    const joined = await world.register("joined", alone("old"));
    const timeouts = [old, young, joined].map(({ answer }) => answer.heartbeat.timeoutMs);
    expect(timeouts).toEqual([30_000, 4_000, 30_000]);
    expect([young.hostClaims.profile, joined.hostClaims.profile]).toEqual(["fast", "standard"]);
    // An outage: each has a whole timeout of its own.
    world.loseRedis();
    await world.tick();
    const at = (id: string) => ({ fleet: FLEET, host: `host-${id}`, session: id, epoch: 1 });
    expect(await world.ports.registry.deadlines([at("old"), at("young")])).toEqual([
      world.nowMs() + 30_000,
      world.nowMs() + 4_000,
    ]);
    for (let i = 0; i < 11; i++) {
      world.advance(500);
      await world.tick();
    }
    const { state, lastBeatAtMs } = await world.session("young");
    expect([state, (await world.session("old")).state]).toEqual(["crashed", "live"]);
    expect(world.nowMs() - (lastBeatAtMs ?? 0), "its last sign of life").toBe(5_500);
  });

  it("taken back is not taken from hosts that live", async () => {
    const world = createWorld({ profile: "fast" });
    await tune(world, { pinned: { heartbeatProfile: "standard" } });
    const slow = await world.register("slow", alone("slow"));
    await tune(world, {});
    const next = await world.register("next", alone("slow"));
    expect([slow, next].map(({ answer }) => answer.heartbeat.timeoutMs)).toEqual([30_000, 30_000]);
    expect((await world.register("new", alone("new"))).answer.heartbeat.timeoutMs).toBe(4_000);
  });
});

describe("the defaults", () => {
  it("are what sessions of a fleet that tuned nothing are told, and nothing is written down for it", async () => {
    const world = createWorld();
    const { answer } = await world.register("s1");
    expect(answer.config.parameters).toEqual({
      checkpointIntervalMs: PARAMETERS.checkpointIntervalMs.default,
      checkpointToolCalls: PARAMETERS.checkpointToolCalls.default,
      contextWarning: PARAMETERS.contextWarning.default,
      contextDanger: PARAMETERS.contextDanger.default,
    });
    for (const field of ["parameters", "variants", "exposures"])
      expect(await world.session("s1")).not.toHaveProperty(field);
  });
});
