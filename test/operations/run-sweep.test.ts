import { describe, expect, it } from "vitest";
import { interrupting, portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { type World, createWorld, must } from "../fixtures/memory-world.ts";
import type { SweepRecord } from "../../shared/contract/records.ts";
import { SWEEP_RUN_MS, runSweep } from "../../shared/operations/run-sweep.ts";
import { completeTask } from "../../shared/operations/settle-task.ts";

const beatOf = (chat: { id: string; epoch: number }, tasks: { id: string; fence: number }[] = []) => [
  { id: chat.id, epoch: chat.epoch, tasks },
];

describe("a run of the sweep", () => {
  const lease = async (world: World): Promise<SweepRecord> => {
    const held = await world.ports.record.sweep.get();
    if (!held) throw new Error("no sweep has run");
    return held;
  };

  it("ends at once when nothing lives and nothing waits, and gives its lease up", async () => {
    const world = createWorld();
    expect(await runSweep(world.ports, "schedule")).toEqual({ ticks: 1, ended: "idle" });
    expect((await lease(world)).untilMs).toBe(0);
    expect(await runSweep(world.ports, "wake")).toMatchObject({ ended: "idle" });
  });

  describe("while nobody lives", () => {
    const MINUTE_MS = 60_000;
    /** A scheduled run each minute: the counts of their ticks, and the requests each sent to Redis and the record. */
    const runEachMinute = async (world: World, minutes: number) => {
      const runs: { ticks: number; asked: string[] }[] = [];
      for (let i = 0; i < minutes; i++) {
        const asked: string[] = [];
        const ports = tapPorts(world.ports, (call, run) => {
          asked.push(call.path);
          return run();
        });
        const { ticks } = await runSweep(ports, "schedule");
        runs.push({ ticks, asked });
        world.advance(MINUTE_MS);
      }
      return runs;
    };

    it("looks each minute whether that is still so, and ticks every ten", async () => {
      const world = createWorld();
      const runs = await runEachMinute(world, 21);
      expect(runs.map(({ ticks }) => ticks)).toEqual(
        Array.from({ length: 21 }, (_, minute) => (minute % 10 === 0 ? 1 : 0)),
      );
      expect(runs[1]?.asked.sort()).toEqual([
        "agenda.count",
        "agenda.stamp",
        "record.sweep.get",
        "registry.count",
      ]);
    });

    it("counts that as up, but not a tick that is two minutes late", async () => {
      const world = createWorld();
      await runEachMinute(world, 11);
      const { upSinceMs, tickAtMs } = await lease(world);
      expect(tickAtMs - (upSinceMs ?? 0)).toBe(10 * MINUTE_MS);
      await runEachMinute(world, 10);
      world.advance(12 * MINUTE_MS);
      await runSweep(world.ports, "schedule");
      const after = await lease(world);
      expect(after.upSinceMs).toBe(after.tickAtMs);
    });

    it.each<[string, (world: World) => Promise<unknown>]>([
      ["a session has registered and its wake was lost", (world) => world.register("s1")],
      [
        "something becomes due",
        (world) => world.ports.agenda.put([{ kind: "balance", fleet: "default" }], world.nowMs() + MINUTE_MS),
      ],
      [
        "Redis was lost",
        async (world) => {
          world.loseRedis();
        },
      ],
    ])("ticks when %s", async (_, happen) => {
      const world = createWorld();
      await runEachMinute(world, 2);
      await happen(world);
      expect((await runEachMinute(world, 1))[0]?.ticks).toBeGreaterThan(0);
    });

    it("ticks when Redis does not answer, so that the failure is told and counted", async () => {
      const world = createWorld();
      await runEachMinute(world, 1);
      const ports = portsWithout(world.ports, "agenda");
      expect((await runSweep(ports, "schedule")).ticks).toBeGreaterThan(0);
    });
  });

  it("ticks at its fleets' pace until its time is up, and keeps its lease for the next run to take over", async () => {
    for (const [profile, tickMs] of [
      ["standard", 5_000],
      ["fast", 500],
    ] as const) {
      const world = createWorld({ profile });
      const chat = await world.register("s1");
      const beating = tapPorts(world.ports, async (call, run) => {
        if (call.path === "registry.overdue") await world.beat(chat, beatOf(chat));
        return run();
      });
      expect(await runSweep(beating, "schedule")).toEqual({ ticks: SWEEP_RUN_MS / tickMs, ended: "time" });
      expect((await lease(world)).untilMs).toBeGreaterThan(world.nowMs());
      expect((await world.session("s1")).state).toBe("live");
    }
  });

  it.each([
    ["within one tick", 250, 0, 1],
    ["within two when they fill more than a page", 1_001, 0, 2],
    ["a second's work in each tick when stores are slow", 250, 10, 3],
  ])("gives up all who went silent at once, %s", async (_, count, commitMs, ticks) => {
    const world = createWorld();
    const names = Array.from({ length: count }, (__, i) => `s${i}`);
    for (const [i, name] of names.entries()) await world.register(name, { host: `h${i % 20}` });
    await world.tick();
    world.advance(29_000);
    await world.tick();
    world.advance(2_000);
    const startMs = world.nowMs();
    const leftAfter: { sessions: number; tookMs: number }[] = [];
    const noting = tapPorts(world.ports, async (call, run) => {
      if (call.path === "record.sessions.commit") world.advance(commitMs);
      if (call.path === "agenda.raiseStamp")
        leftAfter.push({
          sessions: await world.ports.registry.count(),
          tookMs: world.nowMs() - startMs,
        });
      return run();
    });
    await runSweep(noting, "schedule");
    expect(leftAfter.findIndex(({ sessions }) => sessions === 0) + 1).toBe(ticks);
    expect(leftAfter[ticks - 1]?.tookMs).toBeLessThanOrEqual(count * 2 * commitMs + ticks * 100);
    for (const name of names) expect((await world.session(name)).state).toBe("crashed");
  });

  it("returns everybody's work before it tells of anybody's end, which takes its time", async () => {
    const world = createWorld({ profile: "fast" });
    const listener = await world.register("listener", { topics: ["session.crashed"] });
    const names = Array.from({ length: 50 }, (_, i) => `s${i}`);
    for (const [i, name] of names.entries()) {
      const chat = await world.register(name, { host: `h${i}` });
      await world.submit({ id: `t${i}` });
      await world.claim(chat);
    }
    await world.tick();
    world.advance(2_000);
    await world.beat(listener, beatOf(listener));
    world.advance(2_000);
    const heldWhileTelling: string[] = [];
    let telling = 0;
    const slow = tapPorts(world.ports, async (call, run) => {
      if (call.path === "record.messages.commit") {
        world.advance(100);
        telling++;
        const tasks = await world.ports.record.tasks.getMany(
          "default",
          names.map((_, i) => `t${i}`),
        );
        for (const task of tasks)
          if ("owner" in task && names.includes(task.owner.session)) heldWhileTelling.push(task.id);
      }
      return run();
    });
    await world.tick(false, slow);
    expect(telling).toBeGreaterThan(5);
    expect(heldWhileTelling).toEqual([]);
    const states = async () =>
      (await world.ports.record.sessions.getMany("default", names)).map(({ state }) => state);
    expect(new Set(await states())).toEqual(new Set(["crashed", "recovering"]));
    for (let i = 0; i < 20; i++) {
      world.advance(1_000);
      await world.tick(false, slow);
    }
    expect(new Set(await states())).toEqual(new Set(["crashed"]));
    const [newest] = await world.ports.record.messages.newest("default", ["topic:session.crashed"]);
    expect((await world.session("listener")).state, "silent since").toBe("crashed");
    expect(newest?.rev, "ends told of").toBe(names.length + 1);
  });

  it("leaves a sweep alone that ticks when it is only woken, and takes over when it was scheduled", async () => {
    const world = createWorld();
    await world.register("s1");
    let woken: unknown;
    let taken: unknown;
    let ticks = 0;
    const ports = tapPorts(world.ports, async (call, run) => {
      if (call.path === "registry.overdue" && ++ticks === 3) {
        woken = await runSweep(world.ports, "wake");
        taken = await runSweep(world.ports, "schedule");
      }
      return run();
    });
    expect(await runSweep(ports, "schedule")).toMatchObject({ ended: "overtaken" });
    expect(woken).toEqual({ ticks: 0, ended: "overtaken" });
    expect(taken).toMatchObject({ ended: expect.stringMatching(/idle|time/) as string });
    expect((await world.session("s1")).state).toBe("crashed");
  });

  it("ends as overtaken when it loses its lease between a tick and noting how far the repair is", async () => {
    const world = createWorld();
    const ports = interrupting(
      world.ports,
      "record.sweep.commit",
      async () => {
        const held = await lease(world);
        await world.ports.record.sweep.commit(held, { ...held, holder: "another" });
      },
      2,
    );
    expect(await runSweep(ports, "schedule")).toEqual({ ticks: 1, ended: "overtaken" });
  });

  it("does not tick when another run takes the lease first", async () => {
    const world = createWorld();
    const ports = interrupting(world.ports, "record.sweep.commit", () => runSweep(world.ports, "schedule"));
    expect(await runSweep(ports, "schedule")).toEqual({ ticks: 0, ended: "overtaken" });
  });

  it("goes on after a tick that found a store silent, and pardons everyone for it", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(chat);
    let looks = 0;
    const ports = tapPorts(world.ports, async (call, run) => {
      if (call.path !== "registry.overdue") return run();
      looks++;
      return looks > 1 && looks < 7 ? portsWithout(world.ports, "registry").registry.count() : run();
    });
    await runSweep(ports, "schedule");
    const messages = world.logged.map(({ message }) => message);
    expect(messages.filter((message) => message === "sweep tick failed")).toHaveLength(5);
    const pardons = messages.lastIndexOf("outage: every deadline moved");
    expect(pardons).toBeGreaterThan(messages.lastIndexOf("sweep tick failed"));
    expect(messages.indexOf("session given up")).toBeGreaterThan(pardons);
    expect((await world.task("a")).state).toBe("queued");
  });

  it("fails when something breaks that is no outage, so that the platform reports it", async () => {
    const world = createWorld();
    const ports = tapPorts(world.ports, (call, run) =>
      call.path === "registry.overdue" ? Promise.reject(new Error("a bug")) : run(),
    );
    await expect(runSweep(ports, "schedule")).rejects.toThrow("a bug");
  });

  it("does the work of a whole fleet's life alone: no event is ever delivered", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" }, { id: "b", dependsOn: ["a"] });
    const done: string[] = [];
    const ports = tapPorts(world.ports, async (call, run) => {
      if (call.path === "registry.overdue") {
        world.pending.length = 0;
        await world.beat(chat, beatOf(chat));
        for (const { task, fence } of await world.claim(chat)) {
          must(await completeTask(world.ports, chat.claims, task.id, { fence, result: 1 }));
          done.push(task.id);
        }
      }
      return run();
    });
    await runSweep(ports, "schedule");
    expect([...new Set(done)]).toEqual(["a", "b"]);
  });
});
