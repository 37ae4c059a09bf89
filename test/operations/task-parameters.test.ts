import { describe, expect, it } from "vitest";
import { tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";
import { anExperiment, tune, withAllocation } from "../fixtures/tuning.ts";
import type { Variant } from "../../shared/contract/experiments.ts";
import { briefOfSession } from "../../shared/operations/brief-of.ts";
import { ownBrief } from "../../shared/operations/own-brief.ts";
import { setBalancing } from "../../shared/operations/rebalance-fleet.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { completeTask, failTask } from "../../shared/operations/settle-task.ts";
import { writeCheckpoint } from "../../shared/operations/write-checkpoint.ts";

const factor = anExperiment({ parameter: "retryBackoffFactor", unit: "task", control: 1, treatment: 8 });
const tokens = anExperiment({ parameter: "briefTokens", unit: "task", control: 2_000, treatment: 500 });
/** The first letter of a unit's id says its arm; of any other letter it is in none. */
const byLetter = (id: string): Variant | null =>
  id.startsWith("t") ? "treatment" : id.startsWith("c") ? "control" : null;
const error = { message: "no" };
const crashed = { endsAs: "crashed", cause: "", lastBeatAtMs: null } as const;

async function tuned(tuning: Parameters<typeof tune>[1], variantOf = byLetter) {
  const world = createWorld();
  const allocation = withAllocation(world, variantOf);
  await tune(world, tuning);
  const session = await world.register("s1", { capacity: 9 });
  return { world, session, ...allocation };
}
type Session = Awaited<ReturnType<World["register"]>>;

/** Has a task fail, and returns how long it waits then; null if it is not tried again. */
async function failed(world: World, session: Session, id: string, retryable = true) {
  const held = (await world.claim(session, 9)).find(({ task }) => task.id === id);
  must(await failTask(world.ports, session.claims, id, { fence: held?.fence ?? 0, error, retryable }));
  const task = await world.task(id);
  return task.state === "queued" ? task.notBeforeMs - world.nowMs() : null;
}
/** Until what waits is ready again. */
async function later(world: World) {
  world.advance(10 * 60_000);
  await world.deliver();
}

describe("the factor of the backoff", () => {
  it("moves when a task is tried again, by its variant; a task in no arm waits as the fleet says", async () => {
    const { world, session, told } = await tuned({ active: [factor], values: { retryBackoffFactor: 2 } });
    await world.submit({ id: "t1" }, { id: "c1" }, { id: "n1" });
    await world.claim(session, 9);
    const waits = [];
    for (const id of ["t1", "c1", "n1"]) {
      must(await failTask(world.ports, session.claims, id, { fence: 1, error }));
      const task = await world.task(id);
      waits.push(task.state === "queued" && task.notBeforeMs - world.nowMs());
    }
    expect(waits).toEqual([4_000, 500, 1_000]);
    expect((await world.task("t1")).exposures).toEqual({
      [factor.id]: { variant: "treatment", stage: 1, atMs: world.nowMs() },
    });
    expect(await world.task("n1")).not.toHaveProperty("exposures");
    expect(told.map(({ unit, variant }) => [unit, variant])).toEqual([
      ["t1/0", "treatment"],
      ["c1/0", "control"],
    ]);
  });

  it("is met in the commit that queues the task again, without another read or write of it", async () => {
    const { world, session } = await tuned({ active: [factor] });
    const callsOf = async (id: string) => {
      await world.submit({ id });
      const [held] = await world.claim(session);
      const calls: string[] = [];
      const ports = tapPorts(world.ports, (call, run) => {
        if (/^record\.(tasks|fleets)/.test(call.path)) calls.push(call.path);
        return run();
      });
      must(await failTask(ports, session.claims, id, { fence: held?.fence ?? 0, error }));
      await world.deliver();
      return calls;
    };
    const met = await callsOf("t1");
    await tune(world, {});
    expect(met).toEqual(await callsOf("t2"));
    expect(met.filter((path) => path === "record.tasks.commit")).toHaveLength(1);
  });

  it("is not met by a task that is not tried again", async () => {
    const { world, session, told } = await tuned({ active: [factor] });
    await world.submit({ id: "t1", maxAttempts: 1 }, { id: "t2" });
    expect([await failed(world, session, "t1"), await failed(world, session, "t2", false)]).toEqual([
      null,
      null,
    ]);
    for (const id of ["t1", "t2"]) expect(await world.task(id)).not.toHaveProperty("exposures");
    expect(told).toEqual([]);
  });

  it("stays the task's for as long as the experiment lasts, and is told once, also if the report is repeated", async () => {
    let arm: Variant = "treatment";
    const { world, session, asked, told } = await tuned({ active: [factor] }, () => arm);
    await world.submit({ id: "t1", maxAttempts: 9 });
    expect(await failed(world, session, "t1")).toBe(4_000);
    must(await failTask(world.ports, session.claims, "t1", { fence: 1, error, retryable: true }));
    arm = "control";
    await later(world);
    expect(await failed(world, session, "t1")).toBe(8_000);
    expect([asked.length, told.length]).toEqual([1, 1]);
    await tune(world, {});
    await later(world);
    expect(await failed(world, session, "t1"), "taken back").toBe(2_000);
    await tune(world, { active: [factor], pinned: { retryBackoffFactor: 0 } });
    await later(world);
    expect(await failed(world, session, "t1"), "pinned").toBe(0);
    expect(asked).toHaveLength(1);
  });

  it("that a task has met counts also where its time limit ends an attempt, or its session crashes", async () => {
    const { world, session } = await tuned({ active: [factor] });
    await world.submit({ id: "t1", timeoutMs: 5_000, maxAttempts: 9 }, { id: "n1", timeoutMs: 5_000 });
    expect(await failed(world, session, "t1")).toBe(4_000);
    await later(world);
    await world.claim(session, 9);
    const waits = async () =>
      Promise.all(
        ["t1", "n1"].map(async (id) => {
          const task = await world.task(id);
          return task.state === "queued" ? task.notBeforeMs - world.nowMs() : task.state;
        }),
      );
    world.advance(5_000);
    await world.beat(session, [{ id: "s1", epoch: 1, tasks: [] }]);
    await world.tick();
    expect(await waits()).toEqual([8_000, 500]);
    await later(world);
    const next = await world.register("s2", { host: "h2", boot: "b2", capacity: 9 });
    await world.claim(next, 9);
    await recoverSession(world.ports, FLEET, "s2", 1, crashed);
    expect(await waits()).toEqual([16_000, 1_000]);
    expect(await world.task("n1"), "the sweep puts nothing into an experiment").not.toHaveProperty(
      "exposures",
    );
  });

  it("of a redriven task is another unit's", async () => {
    const { world, session, asked } = await tuned({ active: [factor] });
    await world.submit({ id: "t1", maxAttempts: 2 });
    expect(await failed(world, session, "t1")).toBe(4_000);
    await later(world);
    expect(await failed(world, session, "t1")).toBeNull();
    expect((await world.task("t1")).exposures).toHaveProperty(factor.id);
    must(await redriveTask(world.ports, FLEET, "t1"));
    expect((await world.task("t1")).exposures).toBeUndefined();
    expect(await failed(world, session, "t1")).toBe(4_000);
    expect(asked).toEqual([`${factor.id} t1/0`, `${factor.id} t1/1`]);
  });
});

/** What fills any brief. */
const long = {
  task: { operation: "work", done: Array.from({ length: 90 }, (_, i) => `step ${i} ${"word ".repeat(40)}`) },
};
const short = { task: { operation: "work", done: ["a step"] } };

/** A task that another session goes on with, after this state was kept of it. */
async function handedOn(world: World, session: Session, id: string, state: object) {
  await world.submit({ id });
  const held = (await world.claim(session, 9)).find(({ task }) => task.id === id);
  const kept = { trigger: "interval", state, taskId: id, fence: held?.fence };
  must(await writeCheckpoint(world.ports, session.claims, kept));
  must(await failTask(world.ports, session.claims, id, { fence: held?.fence ?? 0, error }));
  await later(world);
  return again(world, session, id);
}
async function again(world: World, session: Session, id: string) {
  const held = (await world.claim(session, 9)).find(({ task }) => task.id === id);
  return held?.resume?.text.length ?? 0;
}

describe("the tokens of a brief", () => {
  it("are the task's variant's, which is met where the variants' briefs differ", async () => {
    const { world, session, told } = await tuned({ active: [tokens], values: { briefTokens: 1_000 } });
    const lengths: Record<string, number> = {};
    for (const id of ["t1", "c1", "n1"]) lengths[id] = await handedOn(world, session, id, long);
    const bytes = (limit: number) => 3 * limit;
    expect(lengths["t1"]).toBeLessThanOrEqual(bytes(500));
    expect(lengths["n1"]).toBeGreaterThan(bytes(500));
    expect(lengths["n1"]).toBeLessThanOrEqual(bytes(1_000));
    expect(lengths["c1"]).toBeGreaterThan(bytes(1_000));
    expect((await world.task("t1")).exposures).toMatchObject({ [tokens.id]: { variant: "treatment" } });
    expect(told.map(({ unit, variant }) => [unit, variant])).toEqual([
      ["t1/0", "treatment"],
      ["c1/0", "control"],
    ]);
  });

  it("are not met by a first attempt, nor where the brief fits into both", async () => {
    const { world, session, told } = await tuned({ active: [tokens] });
    await world.submit({ id: "t1" });
    await world.claim(session);
    const same = [];
    for (const id of ["t2", "c2"]) same.push(await handedOn(world, session, id, short));
    expect(same[0]).toBe(same[1]);
    for (const id of ["t1", "t2", "c2"]) expect(await world.task(id)).not.toHaveProperty("exposures");
    expect(told).toEqual([]);
  });

  it("stay the same when the task is claimed again, and where nobody is put into an experiment", async () => {
    let arm: Variant | null = "treatment";
    const { world, session, told } = await tuned({ active: [tokens] }, () => arm);
    const length = await handedOn(world, session, "t1", long);
    arm = null;
    // The claim's answer was lost, and it is not reported.
    world.advance(31_000);
    await world.beat(session, [{ id: "s1", epoch: 1, tasks: [] }]);
    expect(await again(world, session, "t1")).toBe(length);
    const own = must(await ownBrief(world.ports, session.claims, "t1"));
    expect(own.resume?.text).toHaveLength(length);
    expect(told).toHaveLength(1);
  });

  it("of what a session left without a task are the fleet's", async () => {
    const { world, session } = await tuned({ pinned: { briefTokens: 400 }, active: [tokens] });
    must(await writeCheckpoint(world.ports, session.claims, { trigger: "interval", state: long }));
    await recoverSession(world.ports, FLEET, "s1", 1, crashed);
    const left = await briefOfSession(world.ports, await world.session("s1"));
    expect(left?.text.length).toBeLessThanOrEqual(1_200);
    const { answer } = await world.register("s1");
    expect(answer.resume?.text.length).toBeLessThanOrEqual(1_200);
  });
});

describe("how sessions are chosen", () => {
  const weighed = async (tuning: Parameters<typeof tune>[1], policy: "least-loaded" | "performance") => {
    const { world, session, asked } = await tuned(tuning, () => "treatment");
    await setBalancing(world.ports, FLEET, { policy });
    await world.submit({ id: "a" });
    const [held] = await world.claim(session);
    must(await completeTask(world.ports, session.claims, "a", { fence: held?.fence ?? 0, result: 1 }));
    expect(asked, "it is never randomised").toEqual([]);
    return (await world.ports.record.performances.getMany(FLEET, ["s1"])).length > 0;
  };
  const active = [
    anExperiment({
      ...{ parameter: "balancerPolicy", unit: "task" },
      ...{ control: "least-loaded", treatment: "performance" },
    }),
  ];

  it("is what was pinned, else what was shipped, else what operators set", async () => {
    expect(await weighed({ active }, "least-loaded")).toBe(false);
    expect(await weighed({ active }, "performance")).toBe(true);
    const shipped = { values: { balancerPolicy: "performance" }, active };
    expect(await weighed(shipped, "least-loaded")).toBe(true);
    expect(await weighed({ ...shipped, pinned: { balancerPolicy: "least-loaded" } }, "performance")).toBe(
      false,
    );
  });
});
