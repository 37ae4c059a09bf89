import { describe, expect, it } from "vitest";
import { crashEverywhere, portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";
import { passTime, workOff } from "../fixtures/at-rest.ts";
import type { ExposedUnit, TuningMode, UnitRecord } from "../../shared/contract/experiments.ts";
import type { SessionRecord } from "../../shared/contract/records.ts";
import { dayOf } from "../../shared/domain/experiments/day.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { endSession } from "../../shared/operations/end-session.ts";
import { exposeSession, fileTaskExposure } from "../../shared/operations/expose-unit.ts";
import { fleetOf } from "../../shared/operations/fleet-of.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { registerSession } from "../../shared/operations/register-session.ts";
import { runEndEffects } from "../../shared/operations/run-end-effects.ts";
import { completeTask, failTask } from "../../shared/operations/settle-task.ts";
import { writeCheckpoint } from "../../shared/operations/write-checkpoint.ts";
import { isEnded } from "../../shared/domain/task-transitions.ts";
import type { Ports } from "../../shared/ports/ports.ts";

const MINUTE_MS = 60_000;
const VARIANTS = {
  exp_1: { variant: "treatment", stage: 1, atMs: 0 },
  exp_2: { variant: "control", stage: 0, atMs: 0 },
} as const;

const nameOf = ({ kind, id, generation }: UnitRecord | ExposedUnit) => `${kind} ${id} ${generation}`;
/** Units of the world's days so far. */
async function unitsOf(world: World): Promise<UnitRecord[]> {
  const days = [dayOf(world.nowMs()) - 1, dayOf(world.nowMs())];
  const pages = await Promise.all(days.map((day) => world.ports.record.units.ofDay(FLEET, day, null, 1_000)));
  return pages.flatMap(({ items }) => items);
}
async function exposedOf(world: World, experiment: string): Promise<readonly ExposedUnit[]> {
  const page = await world.ports.record.units.exposed(FLEET, experiment, dayOf(world.nowMs()), null, 1_000);
  return page.items;
}
async function unitNamed(world: World, name: string): Promise<UnitRecord> {
  const [unit, ...more] = (await unitsOf(world)).filter((one) => nameOf(one) === name);
  if (!unit || more.length > 0) throw new Error(`not one unit ${name}`);
  return unit;
}

async function tune(world: World, mode: TuningMode): Promise<void> {
  const fleet = await fleetOf(world.ports, FLEET);
  const tuning = { mode, version: 1, values: {}, pinned: {}, active: [] };
  const stored = await world.ports.record.fleets.get(FLEET);
  await world.ports.record.fleets.commit(stored, { ...fleet, tuning });
}

/** A session that is in two experiments. */
async function inExperiments(world: World, id = "s1"): Promise<SessionRecord> {
  const session = await world.session(id);
  const written = await world.ports.record.sessions.commit(session, { ...session, variants: VARIANTS });
  if (!written) throw new Error("not written");
  return written;
}

/** A task that met a variant, as whoever places it does. */
async function exposed(world: World, id: string, ports: Ports = world.ports): Promise<void> {
  const task = await world.task(id);
  const met = { variant: "treatment", stage: 1, atMs: world.nowMs() } as const;
  const exposures = { ...task.exposures, exp_1: task.exposures?.["exp_1"] ?? met };
  const written = await ports.record.tasks.commit(task, { ...task, exposures });
  if (!written) throw new Error("not written");
  await fileTaskExposure(ports, written, "exp_1");
}

describe("units of tasks", () => {
  it("are filed once with what became of them, in whichever way they ended", async () => {
    const world = createWorld();
    const chat = await world.register("s1", { cwd: "/srv/shim", capacity: 5 });
    await world.submit(
      { id: "a" },
      { id: "b", dependsOn: ["a"] },
      { id: "c", dependsOn: ["b"] },
      { id: "d", requires: ["nobody"] },
    );
    const [a] = await world.claim(chat);
    world.advance(5_000);
    const result = { totalTokens: 100, text: "x".repeat(500) };
    must(await completeTask(world.ports, chat.claims, "a", { fence: a?.fence ?? 0, result }));
    const no = { error: { message: "no" }, retryable: false };
    must(await failTask(world.ports, chat.claims, "b", { fence: (await world.task("b")).fence, ...no }));
    must(await cancelTask(world.ports, FLEET, "d", null));
    const units = await unitsOf(world);
    expect(units.map(nameOf).sort()).toEqual(["task a 0", "task b 0", "task c 0", "task d 0"]);
    expect(await unitNamed(world, "task a 0")).toMatchObject({
      ...{ host: "h1", agent: "test", type: "t", repository: "shim" },
      outcome: {
        endedAtMs: world.nowMs(),
        values: {
          completed: 1,
          failed: 0,
          attempts: 1,
          waitMs: 0,
          wastedMs: 0,
          durationMs: 5_000,
          tokens: 100,
        },
      },
      facts: { end: "completed", lastSession: "s1", sessions: 1, crashes: 0, waits: 1 },
    });
    const valuesOf = async (name: string) => (await unitNamed(world, name)).outcome.values;
    expect(await valuesOf("task b 0")).toMatchObject({ completed: 0, failed: 1, attempts: 1, waitMs: 0 });
    expect([await valuesOf("task c 0"), await valuesOf("task d 0")]).toEqual([{}, {}]);
  });

  it("change nothing when effects are repeated, and are others once redriven", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    const [a] = await world.claim(chat);
    const no = { fence: a?.fence ?? 0, error: { message: "no" }, retryable: false };
    must(await failTask(world.ports, chat.claims, "a", no));
    const first = await unitsOf(world);
    expect(first.map(nameOf)).toEqual(["task a 0"]);
    const task = await world.task("a");
    if (!isEnded(task)) throw new Error("it has not ended");
    world.advance(1_000);
    await runEndEffects(world.ports, task);
    expect(await unitsOf(world)).toEqual(first);
    must(await redriveTask(world.ports, FLEET, "a"));
    await workOff(world, ["a"]);
    expect((await unitsOf(world)).filter(({ kind }) => kind === "task").map(nameOf)).toEqual([
      ...["task a 0", "task a 1"],
    ]);
    expect((await unitNamed(world, "task a 1")).outcome.values).toMatchObject({ completed: 1, attempts: 1 });
  });

  it("tell how long a crash kept them", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(chat);
    world.advance(10_000);
    await world.beat(chat, [{ id: "s1", epoch: 1, tasks: [{ id: "a", fence: 1 }] }]);
    await world.tick();
    await passTime(world, 60_000);
    const other = await world.register("s2", { host: "h2" });
    await world.deliver();
    const [a] = await world.claim(other);
    world.advance(1_000);
    must(await completeTask(world.ports, other.claims, "a", { fence: a?.fence ?? 0, result: 1 }));
    const { outcome, facts } = await unitNamed(world, "task a 0");
    // It is silent for 30 seconds before it is given up.
    expect(outcome.values).toMatchObject({
      recoveryMs: 60_000,
      wastedMs: 40_000,
      durationMs: 1_000,
      attempts: 2,
    });
    expect(facts).toMatchObject({ crashes: 1, sessions: 2, lastSession: "s2", waits: 2 });
  });

  it("are filed with their exposures, first without and then with an outcome", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" }, { id: "b" });
    await exposed(world, "a");
    const unsettled = { kind: "task", id: "a", generation: 0, variant: "treatment", stage: 1, outcome: null };
    expect(await exposedOf(world, "exp_1")).toMatchObject([unsettled]);
    const exposedAtMs = world.nowMs();
    world.advance(5_000);
    const [a] = await world.claim(chat);
    must(await completeTask(world.ports, chat.claims, "a", { fence: a?.fence ?? 0, result: 1 }));
    const { outcome } = await unitNamed(world, "task a 0");
    expect(await exposedOf(world, "exp_1")).toEqual([
      expect.objectContaining({ ...unsettled, atMs: exposedAtMs, host: "h1", outcome }),
    ]);
    await exposed(world, "b");
    expect(await exposedOf(world, "exp_1")).toMatchObject([
      { id: "a", outcome },
      { id: "b", host: "h1" },
    ]);
  });

  it("of a fleet whose tuning is off are not filed, and nothing is read for them", async () => {
    for (const mode of ["off", "suggest", "auto"] as const) {
      const world = createWorld();
      await tune(world, mode);
      const chat = await world.register("s1");
      await world.submit({ id: "a" });
      await exposed(world, "a");
      const [a] = await world.claim(chat);
      const calls: string[] = [];
      const ports = tapPorts(world.ports, (call, run) => (calls.push(call.path), run()));
      must(await completeTask(ports, chat.claims, "a", { fence: a?.fence ?? 0, result: 1 }));
      must(await endSession(ports, chat.claims, "s1", { reason: "completed" }));
      const off = mode === "off";
      expect((await unitsOf(world)).map(nameOf).sort()).toEqual(off ? [] : ["session s1 1", "task a 0"]);
      expect((await exposedOf(world, "exp_1"))[0]?.outcome === null).toBe(off);
      expect(calls.filter((path) => path.startsWith("record.units."))).toHaveLength(off ? 0 : 3);
    }
  });

  it("that could not be filed do not undo the end, and whoever repeats it files them", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    const [a] = await world.claim(chat);
    const request = { fence: a?.fence ?? 0, result: 1 };
    const without = portsWithout(world.ports, "record.units");
    await expect(completeTask(without, chat.claims, "a", request)).rejects.toThrow();
    expect((await world.task("a")).state).toBe("completed");
    expect(await unitsOf(world)).toEqual([]);
    must(await completeTask(world.ports, chat.claims, "a", request));
    expect((await unitsOf(world)).map(nameOf)).toEqual(["task a 0"]);
  });
});

describe("units of sessions", () => {
  it("tell of a silent one what it lost, and what its signals said last", async () => {
    const world = createWorld();
    const chat = await world.register("s1", { cwd: "/srv/shim" });
    world.advance(10 * MINUTE_MS);
    await world.ports.registry.extend([{ fleet: FLEET, host: "h1", session: "s1", epoch: 1 }], world.nowMs());
    for (let i = 0; i < 2; i++)
      must(await writeCheckpoint(world.ports, chat.claims, { trigger: "t", state: i }));
    world.advance(5_000);
    const signals = { contextUsed: 0.8, toolCalls: 12 };
    await world.beat(chat, [{ id: "s1", epoch: 1, signals }]);
    await world.tick();
    const beatMs = world.nowMs();
    await passTime(world, 60_000);
    const unit = await unitNamed(world, "session s1 1");
    expect(unit).toMatchObject({
      ...{ host: "h1", agent: "test", repository: "shim", type: null },
      facts: { endedBy: "timeout", zone: "danger", contextUsed: 0.8, toolCalls: 12, checkpoints: 2 },
    });
    expect(unit.facts["checkpointAgeMs"]).toBe(5_000);
    const lifeMs = beatMs - unit.startedAtMs;
    expect(unit.outcome).toEqual({
      endedAtMs: beatMs + 30_000,
      values: {
        crashed: 1,
        lostWorkMs: 5_000,
        detectionMs: 30_000,
        checkpointsPerHour: (2 * 60 * MINUTE_MS) / lifeMs,
      },
    });
  });

  it("tell of one whose signals Redis does not say what the record knows", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.beat(chat, [{ id: "s1", epoch: 1, signals: { contextUsed: 0.8 } }]);
    const ports = portsWithout(world.ports, "registry.signals");
    must(await endSession(ports, chat.claims, "s1", { reason: "stopped" }));
    expect(await unitNamed(world, "session s1 1")).toMatchObject({
      outcome: { values: { crashed: 0, lostWorkMs: 0 } },
      facts: { endedBy: "exit", durationMs: 0, checkpoints: 0 },
    });
  });

  it("cost a read and a write of the record, and a command, beside what an end costs anyway", async () => {
    const callsOf = async (mode: TuningMode) => {
      const world = createWorld();
      await tune(world, mode);
      const chat = await world.register("s1");
      const calls: string[] = [];
      const ports = tapPorts(world.ports, (call, run) => (calls.push(call.path), run()));
      must(await endSession(ports, chat.claims, "s1", { reason: "completed" }));
      return calls;
    };
    const more = [...(await callsOf("suggest"))];
    for (const call of await callsOf("off")) more.splice(more.indexOf(call), 1);
    expect(more).toEqual(["record.checkpoints.latest", "registry.signals", "record.units.file"]);
  });

  it("break where anything but Redis does", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    const broken = tapPorts(world.ports, (call, run) =>
      call.path === "registry.signals" ? Promise.reject(new Error("a bug")) : run(),
    );
    await expect(endSession(broken, chat.claims, "s1", { reason: "stopped" })).rejects.toThrow("a bug");
  });

  it("are one a start, also of one that is started again without a word", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    const session = await inExperiments(world);
    await exposeSession(world.ports, session, ["exp_1"]);
    world.advance(2 * MINUTE_MS);
    await world.ports.registry.extend([{ fleet: FLEET, host: "h1", session: "s1", epoch: 1 }], world.nowMs());
    const again = await world.register("s1");
    expect(again.epoch).toBe(chat.epoch + 1);
    expect(await world.session("s1")).not.toHaveProperty("exposures");
    expect(await world.session("s1")).not.toHaveProperty("givenUpAtMs");
    must(await writeCheckpoint(world.ports, again.claims, { trigger: "t", state: 1 }));
    must(await endSession(world.ports, again.claims, "s1", { reason: "crashed" }));
    expect((await unitsOf(world)).map(nameOf).sort()).toEqual(["session s1 1", "session s1 2"]);
    // When it went silent is not known.
    expect((await unitNamed(world, "session s1 1")).outcome.values).toEqual({ crashed: 1 });
    expect(await unitNamed(world, "session s1 2")).toMatchObject({
      outcome: { values: { crashed: 1, lostWorkMs: 0 } },
      facts: { checkpoints: 1 },
    });
    expect((await exposedOf(world, "exp_1")).map(nameOf)).toEqual(["session s1 1"]);
  });

  it("keep their day though midnight passes before somebody finishes", async () => {
    const world = createWorld();
    await world.register("s1");
    world.advance(86_400_000 - 10);
    const giving = { endsAs: "crashed", cause: "test", lastBeatAtMs: null, endedBy: "lost" } as const;
    const die = tapPorts(world.ports, async (call, run) => {
      const done = await run();
      if (call.path === "record.units.file") throw new Error("killed");
      return done;
    });
    await expect(recoverSession(die, FLEET, "s1", 1, giving)).rejects.toThrow("killed");
    const before = await unitsOf(world);
    world.advance(20);
    await recoverSession(world.ports, FLEET, "s1", 1, giving);
    expect((await world.session("s1")).state).toBe("crashed");
    expect(await unitsOf(world)).toEqual(before);
  });
});

describe("exposures of sessions", () => {
  it("are marked and filed the first time, of what the session is in, and joined with its outcome", async () => {
    const world = createWorld();
    const chat = await world.register("s1", { cwd: "/srv/shim" });
    const session = await inExperiments(world);
    const atMs = world.nowMs();
    await exposeSession(world.ports, session, ["exp_1", "exp_9"]);
    const marked = await world.session("s1");
    expect(marked.exposures).toEqual({ exp_1: { variant: "treatment", stage: 1, atMs } });
    expect(await exposedOf(world, "exp_1")).toMatchObject([
      { kind: "session", id: "s1", generation: 1, host: "h1", repository: "shim", atMs, outcome: null },
    ]);
    world.advance(5_000);
    // Whoever knows only what it was before changes nothing by it.
    await exposeSession(world.ports, session, ["exp_1"]);
    expect(await world.session("s1")).toEqual(marked);
    await exposeSession(world.ports, session, ["exp_1", "exp_2"]);
    const both = await world.session("s1");
    expect(both.exposures).toMatchObject({ exp_1: { atMs }, exp_2: { atMs: atMs + 5_000 } });
    must(await endSession(world.ports, chat.claims, "s1", { reason: "completed" }));
    const { outcome } = await unitNamed(world, "session s1 1");
    for (const experiment of ["exp_1", "exp_2"])
      expect(await exposedOf(world, experiment)).toMatchObject([{ generation: 1, outcome }]);
    // Nor does whoever comes after its end.
    await exposeSession(world.ports, { ...session, rev: 0 }, ["exp_2"]);
    expect(await exposedOf(world, "exp_2")).toMatchObject([{ outcome }]);
  });

  it("of a session that nobody knows are a bug", async () => {
    const world = createWorld();
    await world.register("s1");
    const session = await inExperiments(world);
    await expect(exposeSession(world.ports, { ...session, id: "s9" }, ["exp_1"])).rejects.toThrow(/s9/);
  });
});

describe("a function killed at any effect", () => {
  it("loses no unit of a task that completes, fails or is cancelled, and no outcome of its exposure", async () => {
    const acts: ((
      world: World,
      ports: Ports,
      claims: Awaited<ReturnType<World["register"]>>["claims"],
    ) => unknown)[] = [
      (_, ports, claims) => completeTask(ports, claims, "a", { fence: 1, result: 1 }),
      (_, ports, claims) =>
        failTask(ports, claims, "a", { fence: 1, error: { message: "no" }, retryable: false }),
      (_, ports) => cancelTask(ports, FLEET, "a", null),
    ];
    for (const act of acts) {
      const points = await crashEverywhere({
        prepare: async () => {
          const world = createWorld();
          const chat = await world.register("s1");
          await world.submit({ id: "a" }, { id: "b", dependsOn: ["a"] });
          await exposed(world, "a");
          await world.claim(chat);
          return { world, ports: world.ports, chat };
        },
        act: async ({ world, chat }, ports) => act(world, ports, chat.claims),
        async check({ world }) {
          await workOff(world, ["a", "b"]);
          const tasks = (await unitsOf(world)).filter(({ kind }) => kind === "task");
          expect(tasks.map(nameOf).sort()).toEqual(["task a 0", "task b 0"]);
          const { outcome } = await unitNamed(world, "task a 0");
          expect(await exposedOf(world, "exp_1")).toMatchObject([{ id: "a", outcome }]);
        },
      });
      expect(points).toBeGreaterThan(4);
    }
  });

  it("loses no unit of a session that is given up or started again", async () => {
    const giving = { endsAs: "crashed", cause: "test", lastBeatAtMs: null, endedBy: "crash" } as const;
    const by = { fleet: FLEET, keyId: "key_test", keyExpiresMs: null, seed: "seed", hostToken: null };
    const request = { id: "s1", host: "h1", boot: "b1", agent: "test" };
    const acts: ((ports: Ports) => Promise<unknown>)[] = [
      (ports) => recoverSession(ports, FLEET, "s1", 1, giving),
      (ports) => registerSession(ports, by, request),
    ];
    for (const act of acts) {
      const points = await crashEverywhere({
        prepare: async () => {
          const world = createWorld();
          const chat = await world.register("s1");
          await world.submit({ id: "a" });
          await world.claim(chat);
          await exposeSession(world.ports, await inExperiments(world), ["exp_1"]);
          return { world, ports: world.ports };
        },
        act: (_, ports) => act(ports),
        async check({ world }) {
          await workOff(world, ["a"]);
          const { outcome } = await unitNamed(world, "session s1 1");
          expect(outcome.values).toMatchObject({ crashed: 1 });
          expect(await exposedOf(world, "exp_1")).toMatchObject([{ id: "s1", outcome }]);
        },
      });
      expect(points).toBeGreaterThan(6);
    }
  });

  it("loses no exposure of a session once it is marked", async () => {
    const points = await crashEverywhere({
      prepare: async () => {
        const world = createWorld();
        const chat = await world.register("s1");
        return { world, ports: world.ports, chat, session: await inExperiments(world) };
      },
      act: ({ session }, ports) => exposeSession(ports, session, ["exp_1", "exp_2"]),
      async check({ world, chat }) {
        const { exposures = {} } = await world.session("s1");
        must(await endSession(world.ports, chat.claims, "s1", { reason: "completed" }));
        for (const experiment of Object.keys(VARIANTS))
          expect(await exposedOf(world, experiment)).toHaveLength(experiment in exposures ? 1 : 0);
      },
    });
    expect(points).toBeGreaterThan(2);
  });
});
