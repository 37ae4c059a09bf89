import { describe, expect, it } from "vitest";
import { RULES_LIMIT } from "../../shared/contract/limits.ts";
import { isRefusal } from "../../shared/contract/errors.ts";
import { limitTasks, pauseTasks, readRules, resumeTasks } from "../../shared/operations/manage-rules.ts";
import { completeTask } from "../../shared/operations/settle-task.ts";
import { expectConsistent, passTime, workOff } from "../fixtures/at-rest.ts";
import { crashEverywhere, portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";

async function busyWorld(capacity = 100) {
  const world = createWorld();
  const chat = await world.register("s1", { capacity });
  return { world, chat };
}
const held = async (world: World) => Object.keys((await world.session("s1")).held).sort();

describe("a pause", () => {
  it("keeps what is ready from starting and lets what runs go on; a resume hands it out at once", async () => {
    for (const target of [{}, { group: "g" }, { type: "t" }, { key: "k" }]) {
      const { world, chat } = await busyWorld();
      await world.submit({ id: "runs", type: "t", group: "g", key: "k" });
      await world.deliver();
      const [running] = await world.claim(chat);
      must(await pauseTasks(world.ports, FLEET, target));
      await world.submit({ id: "late", type: "t", group: "g", key: "k" });
      await world.submit({ id: "other", type: "other" });
      await world.deliver();
      const fleetWide = Object.keys(target).length === 0;
      expect(await held(world)).toEqual(fleetWide ? ["runs"] : ["other", "runs"]);
      must(await completeTask(world.ports, chat.claims, "runs", { fence: running?.fence ?? 0, result: 1 }));
      await passTime(world, 40_000, [chat]);
      expect((await world.task("late")).state).toBe("queued");
      must(await resumeTasks(world.ports, FLEET, target));
      expect(await held(world)).toEqual(["late", "other"]);
      await workOff(world, ["runs", "late", "other"]);
    }
  });

  it("keeps an assignment that waits from being started, and frees its place with the next tick", async () => {
    for (const target of [{}, { type: "t" }]) {
      const { world, chat } = await busyWorld(2);
      await world.submit({ id: "a", type: "t" }, { id: "b", type: "t" });
      await world.deliver();
      expect(await held(world)).toEqual(["a", "b"]);
      must(await pauseTasks(world.ports, FLEET, target));
      expect(await world.claim(chat, 2)).toEqual([]);
      await world.tick();
      expect(await held(world)).toEqual([]);
      expect(await world.task("a")).toMatchObject({ state: "queued", placements: 0, attempt: 0 });
      must(await resumeTasks(world.ports, FLEET, target));
      expect((await world.claim(chat, 2)).map(({ task }) => task.id).sort()).toEqual(["a", "b"]);
      await expectConsistent(world, ["a", "b"]);
    }
  });

  it("may be made and taken back any number of times without a task becoming a dead letter", async () => {
    const { world } = await busyWorld();
    await world.submit({ id: "a", type: "t" });
    for (let i = 0; i < 15; i++) {
      await world.deliver();
      expect(await held(world)).toEqual(["a"]);
      must(await pauseTasks(world.ports, FLEET, { type: "t" }));
      await world.tick();
      expect(await held(world)).toEqual([]);
      must(await resumeTasks(world.ports, FLEET, { type: "t" }));
    }
    await workOff(world, ["a"]);
  });

  it("survives the loss of Redis", async () => {
    const { world, chat } = await busyWorld();
    await world.submit({ id: "a", type: "t" }, { id: "b", type: "u" });
    must(await pauseTasks(world.ports, FLEET, { type: "t" }));
    world.loseRedis();
    await passTime(world, 40_000, [chat]);
    expect(await held(world)).toEqual(["b"]);
    must(await resumeTasks(world.ports, FLEET, { type: "t" }));
    expect(await held(world)).toEqual(["a", "b"]);
  });

  it("is taken back also where Redis does not answer: the repair finds the tasks", async () => {
    const { world, chat } = await busyWorld();
    await world.submit({ id: "a", type: "t" });
    must(await pauseTasks(world.ports, FLEET, { type: "t" }));
    await world.deliver();
    await resumeTasks(portsWithout(world.ports, "heldBack", "workQueue"), FLEET, { type: "t" }).catch(
      () => null,
    );
    await passTime(world, 40_000, [chat]);
    expect(await held(world)).toEqual(["a"]);
  });

  it("is bounded in number, is shown, and changes nothing when it is refused", async () => {
    const { world } = await busyWorld();
    for (let i = 0; i < RULES_LIMIT; i++) must(await pauseTasks(world.ports, FLEET, { type: `t${i}` }));
    const refused = await pauseTasks(world.ports, FLEET, { group: "g" });
    expect(isRefusal(refused) && refused.refused).toBe("rules.full");
    expect(await limitTasks(world.ports, FLEET, { key: "k", limit: 2 })).toMatchObject({
      refused: "rules.full",
    });
    const losing = tapPorts(world.ports, (call, run) =>
      call.path === "record.fleets.commit" ? Promise.resolve(null) : run(),
    );
    expect(await resumeTasks(losing, FLEET, { type: "t1" })).toMatchObject({ refused: "conflict.retry" });
    const { rules } = await readRules(world.ports, FLEET);
    expect(rules.paused.types).toHaveLength(RULES_LIMIT);
    expect(rules.paused.groups).toEqual([]);
  });
});

describe("a concurrency limit of a type", () => {
  it("bounds how many are held at once; raising it lets more in at once, lowering it takes nothing", async () => {
    const { world, chat } = await busyWorld();
    must(await limitTasks(world.ports, FLEET, { type: "t", limit: 2 }));
    const ids = Array.from({ length: 8 }, (_, i) => `t${i}`);
    await world.submit(...ids.map((id) => ({ id, type: "t" })), { id: "free", type: "u" });
    await world.deliver();
    expect(await held(world)).toEqual(["free", "t0", "t1"]);
    must(await limitTasks(world.ports, FLEET, { type: "t", limit: 4 }));
    expect(await held(world)).toHaveLength(5);
    must(await limitTasks(world.ports, FLEET, { type: "t", limit: 1 }));
    expect(await held(world)).toHaveLength(5);
    const running = await world.claim(chat, 10);
    const finish = async (id: string) => {
      const fence = running.find(({ task }) => task.id === id)?.fence ?? 0;
      must(await completeTask(world.ports, chat.claims, id, { fence, result: 1 }));
    };
    for (const id of ["free", "t0", "t1", "t2"]) await finish(id);
    await world.deliver();
    expect(await held(world)).toEqual(["t3"]);
    await finish("t3");
    await world.deliver();
    expect(await held(world)).toEqual(["t4"]);
    must(await limitTasks(world.ports, FLEET, { type: "t", limit: null }));
    expect(await held(world)).toEqual(["t4", "t5", "t6", "t7"]);
    await workOff(world, [...ids, "free"]);
  });

  it("and one of a key hold together", async () => {
    const { world } = await busyWorld();
    must(await limitTasks(world.ports, FLEET, { type: "t", limit: 3 }));
    must(await limitTasks(world.ports, FLEET, { key: "k", limit: 2 }));
    await world.submit(
      ...["a", "b", "c"].map((id) => ({ id, type: "t", key: "k" })),
      ...["d", "e"].map((id) => ({ id, type: "t" })),
    );
    await world.deliver();
    expect(await held(world)).toHaveLength(3);
    expect((await held(world)).filter((id) => "abc".includes(id))).toHaveLength(2);
    await workOff(world, ["a", "b", "c", "d", "e"]);
    for (const id of ["type:t", "key:k"])
      expect((await world.ports.record.semaphores.get(FLEET, id))?.permits).toEqual({});
  });
});

describe("a task that is let through one barrier and kept back at another", () => {
  const OF_KEY = { id: "of-key", type: "x", key: "k" };
  const OF_TYPE = { id: "of-type", type: "t" };
  const BOTH = { id: "both", type: "t", key: "k" };

  it.each([
    [
      "its key while its type is full",
      [OF_KEY, OF_TYPE, BOTH],
      { id: "next", type: "u", key: "k" },
      "of-key",
    ],
    ["its type while its key is full", [OF_TYPE, BOTH, OF_KEY], { id: "next", type: "t" }, "of-type"],
  ])("leaves its turn to the next one: %s", async (_, before, next, opening) => {
    const { world, chat } = await busyWorld();
    must(await limitTasks(world.ports, FLEET, { type: "t", limit: 1 }));
    for (const task of [...before, next]) {
      await world.submit(task);
      await world.deliver();
      world.advance(1);
    }
    expect(await held(world)).toEqual(["of-key", "of-type"]);
    const fence = (await world.claim(chat, 5)).find(({ task }) => task.id === opening)?.fence ?? 0;
    must(await completeTask(world.ports, chat.claims, opening, { fence, result: 1 }));
    await world.deliver();
    expect(await held(world)).toEqual(["next", opening === "of-key" ? "of-type" : "of-key"]);
    await workOff(world, ["both", "next", "of-key", "of-type"]);
  });
});

describe("a function killed at any effect", () => {
  it("of a pause or a resume leaves what was asked for to the repetition, and no task stuck", async () => {
    for (const last of ["pause", "resume"] as const)
      await crashEverywhere({
        prepare: async () => {
          const { world } = await busyWorld();
          await world.submit({ id: "a", type: "t" }, { id: "b", type: "t" });
          await world.deliver();
          if (last === "resume") {
            must(await pauseTasks(world.ports, FLEET, { type: "t" }));
            await world.tick();
          }
          return world;
        },
        act: async (world, ports) => {
          if (last === "resume") await resumeTasks(ports, FLEET, { type: "t" });
          else {
            await pauseTasks(ports, FLEET, { type: "t" });
            await world.tick(false, ports);
          }
        },
        check: async (world) => {
          must(await resumeTasks(world.ports, FLEET, { type: "t" }));
          await workOff(world, ["a", "b"]);
        },
      });
  });
});
